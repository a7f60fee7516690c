package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"gorm.io/gorm"

	"bulwark/internal/credential"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/setup"
	"bulwark/internal/spreadsheet"
	"bulwark/internal/text"
)

// importBook takes in the workbook that sets a town up, on the database itself, or writes it.
func importBook(ctx context.Context, p program, args []string) error {
	f := flag.NewFlagSet("import", flag.ContinueOnError)
	town := f.String("town", "", "code of the town")
	template := f.Bool("template", false, "write the workbook of the town to FILE: empty where there is no such town")
	dryRun := f.Bool("dry-run", false, "say what would happen, and change nothing")
	if err := p.parse(f, args, 1); err != nil {
		return err
	}
	if f.NArg() != 1 || !text.IsCode(*town) {
		return usageError{text.F("请写明镇（街道）代码和文件：bulwark import -town 代码 文件", "name the town and the file: bulwark import -town CODE FILE")}
	}
	name := f.Arg(0)
	q := setup.Query{Town: *town, Language: p.language()}
	return onAccounts(ctx, p, f.Name(), func(ctx context.Context, db *gorm.DB) error {
		if *template {
			data, err := setup.Workbook(ctx, db, q, true)
			if err != nil {
				return err
			}
			return os.WriteFile(name, data, 0o600)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		book, err := spreadsheet.Open(spreadsheet.MediaXLSX, data)
		if err != nil {
			return err
		}
		passwords := credential.NewPasswords(credential.PasswordCost)
		done, err := setup.ImportBook(ctx, db, q, book, setup.Options{
			DryRun: *dryRun, Offline: true, Fit: index.FitOver,
			Password: func(ctx context.Context, db *gorm.DB, account string) (string, error) {
				_, password, err := credential.ResetPassword(ctx, db, passwords, account, 1)
				return password, err
			},
		})
		var refusal *fault.Error
		if errors.As(err, &refusal) {
			for _, f := range refusal.Fields {
				fmt.Fprintf(p.err, "%s\t%s\t%s\n", f.Pointer, f.Code, f.Message.In(q.Language))
			}
		}
		for _, f := range done.Faults {
			fmt.Fprintf(p.out, "%s!%s\t%s\t%s\n", f.Sheet, f.Cell, f.Fault, f.Message)
		}
		for _, a := range done.Accounts {
			fmt.Fprintf(p.out, "%s\t%s\t%s\n", a.Account, a.Person, a.Password)
		}
		if err == nil {
			p.print(p.out, text.F("%d 行，新增 %d，修改 %d", "%d rows, %d added, %d changed", done.Rows, done.Added, done.Changed))
		}
		return err
	})
}
