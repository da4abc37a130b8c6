package blob

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func keys(t *testing.T, s Store, prefix string) []string {
	t.Helper()
	out := []string{}
	for i, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, i.Key)
	}
	return out
}

func TestDirKeepsObjects(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	s, err := Open(dir, S3{})
	if err != nil {
		t.Fatal(err)
	}
	if got := keys(t, s, ""); len(got) != 0 {
		t.Errorf("an empty store lists %v", got)
	}
	if _, err := s.Get(t.Context(), "a/b"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get of nothing: %v", err)
	}
	if _, err := s.Stat(t.Context(), "a/b"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Stat of nothing: %v", err)
	}
	for _, text := range []string{"first", "second"} {
		if err := s.Put(t.Context(), "a/b", strings.NewReader(text), int64(len(text))); err != nil {
			t.Fatal(err)
		}
	}
	r, err := s.Get(t.Context(), "a/b")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if b, err := io.ReadAll(r); err != nil || string(b) != "second" {
		t.Errorf("got %q, %v", b, err)
	}
	if err := s.Put(t.Context(), "a/c", strings.NewReader("x"), 1); err != nil {
		t.Fatal(err)
	}
	if got := keys(t, s, "a/b"); !slices.Equal(got, []string{"a/b"}) {
		t.Errorf("List(a/b) = %v", got)
	}
	if err := errors.Join(s.Delete(t.Context(), "a/b"), s.Delete(t.Context(), "a/b")); err != nil {
		t.Errorf("Delete: %v", err)
	}
	if got := keys(t, s, ""); !slices.Equal(got, []string{"a/c"}) {
		t.Errorf("List = %v", got)
	}
}

func TestDirPutIsAllOrNothing(t *testing.T) {
	dir := t.TempDir()
	s := Dir(dir)
	if err := s.Put(t.Context(), "k", strings.NewReader("whole"), 5); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]io.Reader{
		"short": strings.NewReader("cut"), "long": strings.NewReader("too long by far"),
		"failing": io.MultiReader(strings.NewReader("wh"), iotest.ErrReader(errors.New("disk"))),
	} {
		if err := s.Put(t.Context(), "k", r, 5); err == nil {
			t.Errorf("%s: Put succeeded", name)
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, "k")); err != nil || string(b) != "whole" {
		t.Errorf("the object is %q, %v", b, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestKeysStayInside(t *testing.T) {
	s := Dir(t.TempDir())
	for _, key := range []string{"", "/a", "../a", "a/../../b", "a//b", "./a", "a/", `a\b`, "a\x00b"} {
		if err := s.Put(t.Context(), key, strings.NewReader(""), 0); err == nil {
			t.Errorf("key %q was taken", key)
		}
	}
}

func TestOpenRefusesWhatIsNoLocation(t *testing.T) {
	for location, want := range map[string]string{
		"": "no location", "s3://": "no bucket", "gs://b/p": "not supported", "s3://b/../p": "bad object key",
	} {
		if _, err := Open(location, S3{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open(%q): %v, want %q in it", location, err, want)
		}
	}
	if _, err := Open("s3://b", S3{Endpoint: "minio:9000"}); err == nil {
		t.Error("an endpoint without a scheme was taken")
	}
	secret := strings.Repeat("x", 20)
	s, err := Open("s3://b/p", S3{Endpoint: "http://127.0.0.1:1", AccessKey: "a", SecretKey: secret})
	if err != nil || strings.Contains(s.String(), secret) || s.String() != "s3://b/p/" {
		t.Errorf("Open = %v, %v", s, err)
	}
}
