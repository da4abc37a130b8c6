package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" help:"bash, zsh or fish." enum:"bash,zsh,fish"`
}

// Help says what to do with the script.
func (completionCmd) Help() string {
	return "bash: source <(pitot completion bash)\n\nzsh: pitot completion zsh > \"${fpath[1]}/_pitot\"\n\nfish: pitot completion fish > ~/.config/fish/completions/pitot.fish"
}

// Run writes a completion script.
func (c *completionCmd) Run(k *kong.Context, s *streams) error {
	commands := spread(k.Model.Node, "")
	var b strings.Builder
	switch c.Shell {
	case "bash":
		bashScript(&b, commands)
	case "zsh":
		zshScript(&b, commands)
	default:
		fishScript(&b, commands)
	}
	_, err := io.WriteString(s.out, b.String())
	return err
}

// command is a command with all that can follow it.
type command struct {
	path  string // its words, with blanks between; empty for the program
	node  *kong.Node
	subs  []*kong.Node
	flags []*kong.Flag
	// values are those that a first argument may have.
	values []string
	files  bool // an argument is a file
}

// spread lists a command and those below it.
func spread(n *kong.Node, path string) []command {
	c := command{path: path, node: n}
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			if !slices.Contains(c.flags, f) {
				c.flags = append(c.flags, f)
			}
		}
	}
	for _, p := range n.Positional {
		if p.Enum != "" && c.values == nil {
			c.values = slices.Sorted(maps.Keys(p.EnumMap()))
		}
		c.files = c.files || isFile(p)
	}
	out := []command{c}
	for _, sub := range n.Children {
		if sub.Hidden || sub.Type != kong.CommandNode {
			continue
		}
		out[0].subs = append(out[0].subs, sub)
		out = append(out, spread(sub, strings.TrimSpace(path+" "+sub.Name))...)
	}
	return out
}

func isFile(v *kong.Value) bool {
	switch v.Tag.Type {
	case "path", "existingfile", "existingdir", "filecontent":
		return true
	}
	return strings.Contains(strings.ToLower(v.Name), "path") || strings.Contains(v.Name, "file")
}

// words are what can follow a command.
func (c *command) words() []string {
	out := slices.Clone(c.values)
	for _, s := range c.subs {
		out = append(out, s.Name)
	}
	for _, f := range c.flags {
		out = append(out, "--"+f.Name)
	}
	return out
}

// enum lists the values of a flag; nil where any text will do.
func enum(f *kong.Flag) []string {
	if f.Enum == "" {
		return nil
	}
	values := slices.Sorted(maps.Keys(f.EnumMap()))
	return slices.DeleteFunc(values, func(v string) bool { return v == "" })
}

// takesValue says whether the word after a flag belongs to it.
func takesValue(f *kong.Flag) bool { return !f.IsBool() && !f.IsCounter() }

// oneLine is a help text for a script.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// bashScript works from bash 3.2 on, which macOS has.
func bashScript(b *strings.Builder, commands []command) {
	b.WriteString("# bash completion of pitot; made by: pitot completion bash\n_pitot_words() {\n  case \"$1\" in\n")
	for i := range commands {
		fmt.Fprintf(b, "  %q) echo %q ;;\n", commands[i].path, strings.Join(commands[i].words(), " "))
	}
	b.WriteString("  *) return 1 ;;\n  esac\n}\n_pitot_values() {\n  case \"$1:$2\" in\n")
	for i := range commands {
		for _, f := range commands[i].flags {
			if v := enum(f); len(v) > 0 {
				fmt.Fprintf(b, "  %q) echo %q ;;\n", commands[i].path+":--"+f.Name, strings.Join(v, " "))
			} else if takesValue(f) {
				word := "@any"
				if isFile(f.Value) {
					word = "@file"
				}
				fmt.Fprintf(b, "  %q) echo %s ;;\n", commands[i].path+":--"+f.Name, word)
			}
		}
	}
	b.WriteString("  *) return 1 ;;\n  esac\n}\n_pitot_files() {\n  case \"$1\" in\n")
	for i := range commands {
		if commands[i].files {
			fmt.Fprintf(b, "  %q) return 0 ;;\n", commands[i].path)
		}
	}
	b.WriteString(`  *) return 1 ;;
  esac
}
_pitot() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path="" next i values
  # bash cuts --flag=value at the equals sign.
  if [ "$cur" = "=" ]; then cur=""; elif [ "$prev" = "=" ]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    next="${path:+$path }${COMP_WORDS[i]}"
    if [ "${COMP_WORDS[i]#-}" = "${COMP_WORDS[i]}" ] && _pitot_words "$next" >/dev/null; then path=$next; fi
  done
  COMPREPLY=()
  if values=$(_pitot_values "$path" "$prev"); then
    case $values in
    @file) COMPREPLY=($(compgen -f -- "$cur")) ;;
    @any) ;;
    *) COMPREPLY=($(compgen -W "$values" -- "$cur")) ;;
    esac
    return 0
  fi
  COMPREPLY=($(compgen -W "$(_pitot_words "$path")" -- "$cur"))
  if [ "${cur#-}" = "$cur" ] && _pitot_files "$path"; then COMPREPLY+=($(compgen -f -- "$cur")); fi
  return 0
}
complete -o filenames -F _pitot pitot
`)
}

// quoted is a text between single quotes, for zsh and fish.
func quoted(text string, escape string) string {
	return "'" + strings.ReplaceAll(text, "'", escape) + "'"
}

func zshScript(b *strings.Builder, commands []command) {
	b.WriteString("#compdef pitot\n# zsh completion of pitot; made by: pitot completion zsh\n_pitot() {\n  local at='' next w prev=${words[CURRENT-1]}\n  local -a cmds flags\n")
	b.WriteString("  for w in ${words[2,CURRENT-1]}; do\n    [[ $w == -* ]] && continue\n    next=\"${at:+$at }$w\"\n    case $next in\n    ")
	var paths []string
	for i := range commands {
		if commands[i].path != "" {
			paths = append(paths, quoted(commands[i].path, `'\''`))
		}
	}
	b.WriteString(strings.Join(paths, "|") + ") at=$next ;;\n    esac\n  done\n  case \"$at:$prev\" in\n")
	for i := range commands {
		for _, f := range commands[i].flags {
			if v := enum(f); len(v) > 0 {
				fmt.Fprintf(b, "  %s) compadd -- %s; return ;;\n", quoted(commands[i].path+":--"+f.Name, `'\''`), strings.Join(v, " "))
			} else if takesValue(f) && isFile(f.Value) {
				fmt.Fprintf(b, "  %s) _files; return ;;\n", quoted(commands[i].path+":--"+f.Name, `'\''`))
			}
		}
	}
	b.WriteString("  esac\n  case $at in\n")
	describe := func(name, help string) string {
		return quoted(strings.ReplaceAll(name, ":", `\:`)+":"+oneLine(help), `'\''`)
	}
	for i := range commands {
		c := &commands[i]
		fmt.Fprintf(b, "  %s)\n    cmds=(", quoted(c.path, `'\''`))
		for _, s := range c.subs {
			b.WriteString("\n      " + describe(s.Name, s.Help))
		}
		for _, v := range c.values {
			b.WriteString("\n      " + describe(v, ""))
		}
		b.WriteString(")\n    flags=(")
		for _, f := range c.flags {
			b.WriteString("\n      " + describe("--"+f.Name, f.Help))
		}
		b.WriteString(") ;;\n")
	}
	b.WriteString("  esac\n  _describe -t commands command cmds\n  _describe -t options option flags\n  (( $#cmds )) || _files\n}\nif [ \"$funcstack[1]\" = _pitot ]; then _pitot \"$@\"; else compdef _pitot pitot; fi\n")
}

func fishScript(b *strings.Builder, commands []command) {
	b.WriteString(`# fish completion of pitot; made by: pitot completion fish
function __pitot_at
    set -l at
    for w in (commandline -opc)[2..-1]
        string match -q -- '-*' $w; and continue
        set -l next (string trim -- "$at $w")
        contains -- $next $__pitot_paths; and set at $next
    end
    test "$at" = "$argv[1]"
end
set -g __pitot_paths`)
	for i := range commands {
		if commands[i].path != "" {
			b.WriteString(" " + quoted(commands[i].path, `\'`))
		}
	}
	b.WriteString("\ncomplete -c pitot -f\n")
	for i := range commands {
		c := &commands[i]
		at := "complete -c pitot -n " + quoted("__pitot_at "+quoted(c.path, `\'`), `\'`)
		for _, s := range c.subs {
			fmt.Fprintf(b, "%s -a %s -d %s\n", at, s.Name, quoted(oneLine(s.Help), `\'`))
		}
		for _, v := range c.values {
			fmt.Fprintf(b, "%s -a %s\n", at, v)
		}
		if c.files {
			fmt.Fprintf(b, "%s -F\n", at)
		}
		for _, f := range c.flags {
			more := ""
			if f.Short != 0 {
				more += " -s " + string(f.Short)
			}
			switch v := enum(f); {
			case len(v) > 0:
				more += " -x -a " + quoted(strings.Join(v, " "), `\'`)
			case takesValue(f) && isFile(f.Value):
				more += " -r -F"
			case takesValue(f):
				more += " -x"
			}
			fmt.Fprintf(b, "%s -l %s%s -d %s\n", at, f.Name, more, quoted(oneLine(f.Help), `\'`))
		}
	}
}
