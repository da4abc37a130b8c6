package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
)

// bill is a bill of materials in the form of CycloneDX 1.6.
type bill struct {
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	Serial       string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	PURL       string     `json:"purl,omitempty"`
	Scope      string     `json:"scope,omitempty"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
}

// writeBill writes what a binary is made of, as the binary itself says it: only
// modules whose code is in it.
func writeBill(path, binary, name, version string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return fmt.Errorf("bill of materials: %w", err)
	}
	digest, err := sum(binary)
	if err != nil {
		return err
	}
	system := setting(info, "GOOS") + "/" + setting(info, "GOARCH")
	root := component{
		Type: "application", Ref: purl(info.Main.Path, version), Name: name, Version: version, PURL: purl(info.Main.Path, version),
		Hashes: []hash{{"SHA-256", digest}}, Properties: []property{{"pitot:system", system}},
	}
	std := component{Type: "library", Ref: purl("std", strings.TrimPrefix(info.GoVersion, "go")), Name: "std", Version: strings.TrimPrefix(info.GoVersion, "go"), Scope: "required"}
	std.PURL = std.Ref
	b := bill{Format: "CycloneDX", SpecVersion: "1.6", Version: 1, Metadata: metadata{root}, Components: []component{std}}
	on := []string{std.Ref}
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		c := component{Type: "library", Ref: purl(d.Path, d.Version), Name: d.Path, Version: d.Version, PURL: purl(d.Path, d.Version), Scope: "required"}
		if d.Sum != "" {
			c.Properties = []property{{"go:sum", d.Sum}}
		}
		b.Components = append(b.Components, c)
		on = append(on, c.Ref)
	}
	b.Dependencies = []dependency{{root.Ref, on}}
	b.Serial = serial(digest)
	out, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(out, '\n'), 0o644) //nolint:gosec // a release is for everybody
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

func purl(path, version string) string {
	return "pkg:golang/" + path + "@" + url.PathEscape(version)
}

// serial is a UUID that follows from the binary, so that its bill is the same
// each time.
func serial(digest string) string {
	h := sha256.Sum256([]byte("bill of " + digest))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80 // version 8: of one's own making
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
}
