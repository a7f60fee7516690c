package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/config"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/signature"
	"bulwark/internal/text"
)

// signing returns what the settings say about signatures.
func signing(cfg config.Config) signature.Settings {
	return signature.Settings{
		Signer: signature.SignerOf(cfg.SigningKeyFile, cfg.SigningSM2KeyFile), Required: cfg.RequireSignature,
	}
}

// watchSigning reports where there are no keys, and counts what is unsigned.
func watchSigning(
	ctx context.Context, db *gorm.DB, settings signature.Settings, log *slog.Logger, to prometheus.Registerer,
) {
	if settings.Signer == nil {
		log.Warn("what is published is unsigned: there is no BULWARK_SIGNING_KEY_FILE, see docs/trust.md")
	}
	metrics := promauto.With(to)
	metrics.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "bulwark_signing_key_usable", Help: "1 if there is a signing key and it can be used, otherwise 0.",
	}, func() float64 {
		if settings.Signer == nil || settings.Check() != nil {
			return 0
		}
		return 1
	})
	metrics.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "bulwark_publications_unsigned", Help: "Publications that no key has signed; -1 if they cannot be counted.",
	}, func() float64 {
		n, err := index.Publication{}.CountUnsigned(ctx, db)
		if err != nil {
			return -1
		}
		return float64(n)
	})
}

// startSigning refuses keys that cannot be used, and keeps what they state unless nothing
// may be written.
func startSigning(ctx context.Context, db *gorm.DB, settings signature.Settings, readOnly bool) error {
	if err := settings.Check(); err != nil || readOnly {
		return err
	}
	ctx = audit.As(ctx, audit.Actor{Name: "bulwark serve", Role: "command_line"})
	return signature.Record(signature.With(ctx, settings), db)
}

// signingKey makes the key that signs what is published, or the next one, and prints the
// public key, which alone is on standard output.
func signingKey(_ context.Context, p program, args []string) error {
	f := flag.NewFlagSet("key signing", flag.ContinueOnError)
	out := f.String("out", "", "file of the private key, which must not exist yet (default BULWARK_SIGNING_KEY_FILE)")
	rotate := f.Bool("rotate", false, "replace the key in the file by a new one, which the old one vouches for")
	name := f.String("name", "bulwark", "name of the key in signatures, such as the address of the service")
	known := f.String("known", "", "content of /.well-known/bulwark-keys of before, where the old private key is lost")
	algorithm := f.String("algorithm", signature.Ed25519, "ed25519 or sm2")
	if err := p.parse(f, args, 0); err != nil {
		return err
	}
	if *out == "" {
		cfg, err := p.config()
		if err != nil {
			return err
		}
		*out = cfg.SigningKeyFile
		if *algorithm == signature.SM2 {
			*out = cfg.SigningSM2KeyFile
		}
	}
	if *out == "" {
		return usageError{text.F("请用 --out 写明密钥文件", "name the file of the key with --out")}
	}
	var public string
	var before signature.Keys
	var content []byte
	var err error
	if *known != "" {
		if content, err = os.ReadFile(*known); err != nil {
			return err
		}
		if before, err = signature.ParseKeys(content); err != nil {
			return badPublicKey(*known, err)
		}
	}
	if *rotate {
		public, err = signature.RotateKey(*out, now())
	} else {
		public, err = signature.CreateKey(*out, *algorithm, *name, now(), before)
	}
	if err != nil {
		return err
	}
	if *rotate {
		p.print(p.err, text.F("已更换 %s 中的私钥，旧私钥已删除，运行中的服务立即使用新私钥。新公钥为：",
			"replaced the private key in %s; the old one is deleted, and a running service uses the new one at once. The new public key:", *out))
	} else {
		p.print(p.err, text.F(
			"已将私钥写入 %[1]s。请设置 BULWARK_SIGNING_KEY_FILE=%[1]s（SM2 密钥为 BULWARK_SIGNING_SM2_KEY_FILE），另存一份到安全的地方，并公布公钥：",
			"wrote the private key to %[1]s. Set BULWARK_SIGNING_KEY_FILE=%[1]s (for SM2, BULWARK_SIGNING_SM2_KEY_FILE), keep a copy in a safe place, and publish the public key:", *out))
	}
	_, err = fmt.Fprintln(p.out, public)
	return err
}

// trusted returns the public keys of a file; none where the file has no name.
func trusted(file string) ([]string, error) {
	if file == "" {
		return nil, nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	public, err := signature.Publics(content)
	if err != nil {
		return nil, badPublicKey(file, err)
	}
	return public, nil
}

func badPublicKey(file string, err error) error {
	return fault.Invalid("bad_public_key",
		"文件 %s 应为公钥，每行一个，或 /.well-known/bulwark-keys 的内容",
		"the file %s should hold public keys, one a line, or the content of /.well-known/bulwark-keys", file).Because(err)
}

// verifyPackage checks a package with nothing but the public keys of the file.
func (p program) verifyPackage(file string, public []string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	v := index.VerifyPackage(content, public)
	fmt.Fprintf(p.out, "%s/%s %s %s%s\n", v.Town, v.Period, v.Run, p.verdict(v.OK), p.withdrawn(v))
	bad := 0
	for _, c := range v.Checks {
		if c.OK {
			fmt.Fprintf(p.out, "  %s %s\n", c.What, p.verdict(true))
			continue
		}
		bad++
		fmt.Fprintf(p.out, "  %s %s: %s ≠ %s\n", c.What, p.verdict(false), c.Receipt, c.Computed)
	}
	if public == nil {
		p.print(p.out, text.F("未提供公钥：只核对了各文件相互一致，不能证明由谁签名。请用 --key 指定您自己保存的公钥",
			"no public key was given: the files agree with each other, which does not prove who has signed them. Name a key that you have kept with --key"))
	}
	if bad > 0 {
		return fault.Conflict("not_verified", "成绩包中有 %d 处不符", "%d checks of the package failed", bad)
	}
	return nil
}

// verifyKeys prints what the database states of keys for which nobody vouches, and where
// the keys themselves are only from the database. It returns the keys that count.
func (p program) verifyKeys(ctx context.Context, db *gorm.DB) (keys signature.Keys, bad int, err error) {
	if keys, err = signature.Load(ctx, db); err != nil {
		return keys, 0, err
	}
	strange, err := keys.Strange(ctx, db)
	if err != nil {
		return keys, 0, err
	}
	for _, s := range strange {
		fmt.Fprintf(p.out, "signing_statements/%s %s\n", s.Digest, p.verdict(false))
		p.print(p.out, text.F("  已知的密钥没有为它签名：它是后来放入数据库的", "  no known key has signed it: it was put into the database later"))
	}
	if settings := signature.From(ctx); len(keys.Keys) > 0 && settings.Signer == nil && settings.Trusted == nil {
		p.print(p.out, text.F(
			"未提供公钥：签名是按数据库自己所存的公钥核对的。请用 --key 指定库外保存的公钥（见 docs/trust.md）",
			"without a public key, signatures are verified with the keys that the database holds itself: "+
				"name a key that you have kept elsewhere with --key, see docs/trust.md"))
	}
	return keys, len(strange), nil
}

// verifyAnchors prints the anchors of the town, of all where it is empty, whose
// signatures are wrong, or that have none after others had.
func (p program) verifyAnchors(keys signature.Keys, town string, anchors []audit.Anchor) (bad int) {
	signed := false
	for _, a := range anchors {
		if town != "" && a.TownID != town {
			continue
		}
		signed = signed || a.Signatures != ""
		if !signed {
			continue
		}
		if _, _, err := keys.Open(a.Note(), a.Seen); err != nil {
			bad++
			fmt.Fprintf(p.out, "%s\n", a.String())
			p.print(p.out, text.F("  锚点的签名不符：%v", "  the signature of the anchor is not right: %v", err))
		}
	}
	return bad
}
