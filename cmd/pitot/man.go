package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"
)

type manCmd struct {
	Command []string `arg:"" optional:"" help:"The words of a command, such as: export calls. Default: the program."`
	Dir     string   `help:"Write the pages of all commands into this directory instead." type:"path" placeholder:"DIR"`
}

// Run writes manual pages, such as for: pitot man | man -l -.
func (c *manCmd) Run(k *kong.Context, s *streams) error {
	commands := spread(k.Model.Node, "")
	if c.Dir != "" {
		if err := os.MkdirAll(c.Dir, 0o755); err != nil { //nolint:gosec // manual pages are for everybody
			return fmt.Errorf("--dir: %w", err)
		}
		for i := range commands {
			page := manPage(&commands[i])
			if err := os.WriteFile(filepath.Join(c.Dir, manName(&commands[i])+".1"), []byte(page), 0o644); err != nil { //nolint:gosec // as above
				return fmt.Errorf("--dir: %w", err)
			}
		}
		return nil
	}
	want := strings.Join(c.Command, " ")
	for i := range commands {
		if commands[i].path == want {
			_, err := io.WriteString(s.out, manPage(&commands[i]))
			return err
		}
	}
	return usageError{fmt.Errorf("there is no command %q: see pitot --help", want)}
}

func manName(c *command) string {
	return strings.ReplaceAll(strings.TrimSpace("pitot "+c.path), " ", "-")
}

// roff escapes a text for troff.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(oneLine(text))
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}

// manPage is the manual page of a command, in man(7).
func manPage(c *command) string {
	var b strings.Builder
	name := manName(c)
	fmt.Fprintf(&b, ".TH %s 1 \"\" %q \"Pitot\"\n.SH NAME\n%s \\- %s\n.SH SYNOPSIS\n", strings.ToUpper(roff(name)), "pitot "+resolveVersion(), roff(name), roff(c.node.Help))
	fmt.Fprintf(&b, ".B %s\n", roff(strings.TrimSpace("pitot "+c.path)))
	for _, p := range c.node.Positional {
		fmt.Fprintf(&b, ".RI %s\n", roff(p.Summary()))
	}
	if len(c.subs) > 0 {
		b.WriteString(".I command\n")
	}
	b.WriteString(".RI [ options ]\n.SH DESCRIPTION\n" + roff(c.node.Help) + "\n")
	if c.node.Detail != "" {
		for paragraph := range strings.SplitSeq(c.node.Detail, "\n\n") {
			b.WriteString(".PP\n" + roff(paragraph) + "\n")
		}
	}
	if len(c.node.Positional) > 0 {
		b.WriteString(".SH ARGUMENTS\n")
		for _, p := range c.node.Positional {
			fmt.Fprintf(&b, ".TP\n.I %s\n%s\n", roff(p.Name), roff(p.Help))
		}
	}
	if len(c.subs) > 0 {
		b.WriteString(".SH COMMANDS\n")
		for _, s := range c.subs {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(s.Name), roff(s.Help))
		}
	}
	b.WriteString(".SH OPTIONS\n")
	for _, f := range c.flags {
		names := `\-\-` + roff(f.Name)
		if f.Short != 0 {
			names = `\-` + string(f.Short) + ", " + names
		}
		value := ""
		if takesValue(f) {
			value = `\fR=\fI` + roff(strings.ToUpper(strings.Trim(f.FormatPlaceHolder(), `"`)))
		}
		fmt.Fprintf(&b, ".TP\n.B %s%s\n%s\n", names, value, roff(f.Help))
		if len(f.Envs) > 0 {
			fmt.Fprintf(&b, "Environment: %s.\n", roff(strings.Join(f.Envs, ", ")))
		}
	}
	b.WriteString(".SH SEE ALSO\nThe documentation: docs/ of the source.\n")
	return b.String()
}
