package backup

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"bulwark/internal/fault"
)

// Create makes the file by what write writes into it: readable by its owner only,
// since a backup holds the hashes of keys and passwords, and either whole and on
// the disk or not there. Meanwhile it is called name.partial. A file that exists,
// whole or partial, is replaced only by force.
func Create(name string, force bool, write func(io.Writer) error) (err error) {
	partial := name + ".partial"
	if force {
		err = os.Remove(partial)
	} else {
		_, err = os.Lstat(name)
		if err == nil {
			return exists(name)
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unwritable(name, err)
	}
	file, err := os.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return exists(partial)
	}
	if err != nil {
		return unwritable(name, err)
	}
	err = write(file)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(partial, name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(partial))
	}
	return syncFolder(filepath.Dir(name))
}

// syncFolder lets the new name of a file outlive a power cut, where the system can.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	_ = folder.Sync() // Windows cannot, and does not need to
	return folder.Close()
}

func exists(name string) error {
	return fault.Conflict("backup_exists",
		"文件 %[1]s 已存在（.partial 为正在写或中断的备份）：请换一个名字，或用 --force 覆盖",
		"the file %[1]s exists (a .partial one is being written, or was broken off): choose another name, or replace it with --force", name)
}

func unwritable(name string, cause error) error {
	return fault.Invalid("backup_unwritable",
		"无法写入文件 %s：请检查文件夹及其权限", "the file %s cannot be written: check the folder and its permissions", name).Because(cause)
}
