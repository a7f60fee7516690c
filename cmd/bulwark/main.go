// Command bulwark scores the combat-effectiveness index of grassroots branches:
// the service, its database and its offline tools in one binary.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"bulwark/internal/config"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// commands are the subcommands in the order of the help.
var commands = []command{
	{"demo", text.F("试用：内嵌数据库和演示数据", "try it: embedded database, demo data"), runDemo},
	{"serve", text.F("启动服务", "run the service"), serve},
	{"migrate", text.F("建立或升级数据库结构", "create the database schema or bring it up to date"), migrate},
	{"setup", text.F("显示设立首位管理员的令牌", "print a token for making the first administrator"), printSetup},
	{"user", text.F("建立、列出、停用账号，设置密码", "make, list and disable accounts, set passwords"), manageUsers},
	{"key", text.F("建立、列出、撤销密钥", "make, list and revoke keys"), manageKeys},
	{"import", text.F("用工作簿设立镇（街道），或取得空白工作簿", "set a town up by a workbook, or write an empty one"), importBook},
	{"score", text.F("离线计分：指标体系文件加数据文件", "compute an index from two files, without a database"), score},
	{"analyse", text.F("离线分析排名取决于什么", "ask of two files what their ranking depends on"), analyse},
	{"backup", text.F("把整个数据库备份到一个文件", "write the whole database into one file"), backUp},
	{"restore", text.F("把备份恢复到空数据库，或检查备份", "read a backup into an empty database, or check it"), restore},
	{"verify", text.F("核对已存结果与审计链", "check stored results and audit trails"), verify},
	{"restored", text.F("记录用其他工具恢复了数据库", "record that other tools have restored the database"), recordRollback},
	{"doctor", text.F("检查安装：设置、数据库、文件、备份", "check the installation: settings, database, files, backups"), diagnose},
	{"config", text.F("显示生效的设置及其来源", "print the effective settings and where they come from"), printConfig},
	{"health", text.F("询问服务是否就绪（供容器使用）", "ask whether the service is ready, for containers"), checkHealth},
	{"version", text.F("显示版本", "print the version"), printVersion},
}

type command struct {
	name string
	does text.Text
	run  func(ctx context.Context, p program, args []string) error
}

// program is the environment of a subcommand.
type program struct {
	env      []string // NAME=value
	in       io.Reader
	out, err io.Writer
}

// Exit codes.
const (
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the first signal ends the work in order, the second ends the process
	os.Exit(run(ctx, program{os.Environ(), os.Stdin, os.Stdout, os.Stderr}, os.Args[1:]))
}

// run finds the subcommand, runs it and reports its error; it returns the exit code.
func run(ctx context.Context, p program, args []string) int {
	if len(args) == 0 {
		p.usage(p.err)
		return exitUsage
	}
	if slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		p.usage(p.out)
		return 0
	}
	i := slices.IndexFunc(commands, func(c command) bool { return c.name == args[0] })
	if i < 0 {
		p.print(p.err, text.F("没有子命令 %q", "there is no command %q", args[0]))
		p.usage(p.err)
		return exitUsage
	}
	err := commands[i].run(ctx, p, args[1:])
	var misused usageError
	var told printedError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &misused):
		p.print(p.err, misused.Text)
		return exitUsage
	}
	if !errors.As(err, &told) {
		fmt.Fprintf(p.err, "bulwark %s: %s\n", args[0], p.message(err))
	}
	return exitFailure
}

// printedError is a failure that the command has printed itself.
type printedError struct{ error }

// usageError is a wrong command line: exit code 2.
type usageError struct{ text.Text }

func (e usageError) Error() string { return e.Text.String() }

// parse reads the flags of a subcommand, which may stand before, between and behind its
// arguments; after -- all are arguments. More than most arguments are a mistake.
func (p program) parse(f *flag.FlagSet, args []string, most int) error {
	arguments := []string{"--"}
	for {
		if err := p.parseFirst(f, args); err != nil {
			return err
		}
		rest := f.Args()
		read := len(args) - len(rest)
		if len(rest) == 0 || read > 0 && args[read-1] == "--" {
			arguments = append(arguments, rest...)
			break
		}
		arguments, args = append(arguments, rest[0]), rest[1:]
	}
	if err := f.Parse(arguments); err != nil {
		return err
	}
	if f.NArg() > most {
		return usageError{text.F(
			"多余的参数 %q；见 bulwark %s -h", "unexpected argument %q: see bulwark %s -h", f.Arg(most), f.Name())}
	}
	return nil
}

// parseFirst reads the flags that stand before the first argument.
func (p program) parseFirst(f *flag.FlagSet, args []string) error {
	f.SetOutput(p.err)
	err := f.Parse(args)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		return usageError{text.F("见 bulwark %s -h", "see bulwark %s -h", f.Name())} // flag has printed what is wrong
	}
	return err
}

func (p program) usage(w io.Writer) {
	p.print(w, text.F("用法：bulwark 子命令 [参数]\n", "usage: bulwark COMMAND [ARGUMENTS]\n"))
	for _, c := range commands {
		fmt.Fprintf(w, "  %-10s %s\n", c.name, c.does.In(p.language()))
	}
	p.print(w, text.F("\n设置来自环境变量，见 docs/configuration.md；bulwark 子命令 -h 显示参数。",
		"\nSettings come from the environment, see docs/configuration.md; bulwark COMMAND -h shows its arguments."))
}

func (p program) print(w io.Writer, t text.Text) { fmt.Fprintln(w, t.In(p.language())) }

// message returns the message of an error in the language of the terminal, with its fields
// and its cause: whoever runs the program can correct it.
func (p program) message(err error) string {
	var mistakes config.Mistakes
	if errors.As(err, &mistakes) {
		return "\n" + mistakes.In(p.language())
	}
	var e *fault.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	if e.Code == "database_missing" && p.getenv("BULWARK_DATABASE_URL") == "" {
		return p.notConfigured().In(p.language())
	}
	words := e.Message.In(p.language())
	for _, f := range e.Fields {
		words += "\n  " + f.Pointer + ": " + f.Message.In(p.language())
	}
	if cause := e.Unwrap(); cause != nil {
		words += ": " + cause.Error()
	}
	return words
}

// notConfigured is the refusal of a command that found no database where none was named.
func (p program) notConfigured() text.Text {
	return text.F(
		"未设置 BULWARK_DATABASE_URL，默认的数据库文件（当前文件夹中的 bulwark.db）也不存在：请设置它（例如 sqlite:/var/lib/bulwark/bulwark.db），或运行 bulwark migrate 在此建立数据库",
		"BULWARK_DATABASE_URL is not set, and the default, bulwark.db in the current folder, does not exist: "+
			"set it, such as to sqlite:/var/lib/bulwark/bulwark.db, or run bulwark migrate to create the database here")
}

// config reads the settings, and finds what is wrong with the address of the database too.
func (p program) config() (config.Config, error) {
	return config.Load(p.env, func(c config.Config) error { return database.CheckURL(c.DatabaseURL) },
		func(c config.Config) error {
			if c.MigrateURL == "" {
				return nil
			}
			return database.CheckURL(c.MigrateURL)
		})
}

// language returns that of the terminal, as POSIX orders the variables.
func (p program) language() string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := p.getenv(name); value != "" {
			return value
		}
	}
	return "en"
}

func (p program) getenv(name string) string {
	for _, v := range p.env {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// version is set by the build.
var version = "dev"

func printVersion(_ context.Context, p program, args []string) error {
	if err := p.parse(flag.NewFlagSet("version", flag.ContinueOnError), args, 0); err != nil {
		return err
	}
	_, err := fmt.Fprintf(p.out, "bulwark %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
