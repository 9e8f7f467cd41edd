// Package conformance runs ONNX's backend test cases: a model, inputs and the
// outputs that the standard asks for.
package conformance

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/walnut-ai/walnut/internal/compare"
)

// Case is one test case.
type Case struct {
	ID      string // CATEGORY/NAME; legacy CATEGORY/RELEASE/NAME; in a plain folder NAME
	Dir     string // folder of the model where it lies in one: external data is read from it
	Model   []byte
	Inputs  map[int][]byte // input_K.pb
	Outputs map[int][]byte // output_K.pb
	Set     string         // data set, "test_data_set_0"
	Tol     *compare.Tol   // instead of Tolerance(Name()), if not nil
}

// Name returns the last part of the ID.
func (c *Case) Name() string { return path.Base(c.ID) }

// maxMember bounds the size of one file of an archive.
const maxMember = 1 << 30

// Read calls f for every case of a .tar.gz archive or a folder, in order.
func Read(p string, f func(*Case) error) error {
	st, err := os.Stat(p)
	if err != nil {
		return err
	}
	if st.IsDir() {
		return readDir(p, f)
	}
	return readArchive(p, f)
}

// readArchive reads CATEGORY/…/CASE/{model.onnx,test_data_set_K/*.pb}; a case's
// files follow one another.
func readArchive(p string, f func(*Case) error) error {
	file, err := os.Open(p)
	if err != nil {
		return err
	}
	defer file.Close()
	z, err := gzip.NewReader(bufio.NewReaderSize(file, 1<<20))
	if err != nil {
		return fmt.Errorf("%s: %w", p, err)
	}
	r := tar.NewReader(z)
	var cur builder
	for {
		h, err := r.Next()
		if err == io.EOF {
			return cur.flush(f)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if h.Size > maxMember {
			return fmt.Errorf("%s: %s has %d bytes, at most %d are read", p, h.Name, h.Size, maxMember)
		}
		dir, set, ok := split(h.Name)
		if !ok {
			continue
		}
		b, err := io.ReadAll(r)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", p, h.Name, err)
		}
		if dir != cur.dir {
			if err := cur.flush(f); err != nil {
				return err
			}
			cur = builder{dir: dir}
		}
		cur.add(path.Base(h.Name), set, b)
	}
}

// split returns the folder of the case that a file belongs to and its data set.
func split(name string) (dir, set string, ok bool) {
	name = path.Clean(name)
	dir, base := path.Split(name)
	dir = strings.TrimSuffix(dir, "/")
	if strings.HasSuffix(base, ".onnx") {
		return dir, "", true
	}
	if strings.HasSuffix(base, ".pb") {
		return path.Dir(dir), path.Base(dir), true
	}
	return "", "", false
}

// builder collects the files of one case.
type builder struct {
	dir   string
	model []byte
	sets  map[string]*Case
}

func (b *builder) add(base, set string, data []byte) {
	if set == "" {
		b.model = data
		return
	}
	if b.sets == nil {
		b.sets = map[string]*Case{}
	}
	c := b.sets[set]
	if c == nil {
		c = &Case{Set: set, Inputs: map[int][]byte{}, Outputs: map[int][]byte{}}
		b.sets[set] = c
	}
	kind, num, ok := strings.Cut(strings.TrimSuffix(base, ".pb"), "_")
	k, err := strconv.Atoi(num)
	if !ok || err != nil {
		return
	}
	switch kind {
	case "input":
		c.Inputs[k] = data
	case "output":
		c.Outputs[k] = data
	}
}

func (b *builder) flush(f func(*Case) error) error {
	if b.model == nil {
		return nil
	}
	var names []string
	for s := range b.sets {
		names = append(names, s)
	}
	sort.Strings(names)
	for _, s := range names {
		c := b.sets[s]
		c.ID, c.Model = b.dir, b.model
		if len(names) > 1 {
			c.ID += "/" + s
		}
		if err := f(c); err != nil {
			return err
		}
	}
	return nil
}

// readDir finds folders with a model.onnx below p. IDs are paths relative to p.
func readDir(p string, f func(*Case) error) error {
	return filepath.WalkDir(p, func(q string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() != "model.onnx" {
			return err
		}
		dir := filepath.Dir(q)
		id, err := filepath.Rel(p, dir)
		if err != nil {
			return err
		}
		if id == "." {
			id = filepath.Base(dir)
		}
		b := builder{dir: filepath.ToSlash(id)}
		if b.model, err = os.ReadFile(q); err != nil {
			return err
		}
		files, err := filepath.Glob(filepath.Join(dir, "*", "*.pb"))
		if err != nil {
			return err
		}
		for _, name := range files {
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			b.add(filepath.Base(name), filepath.Base(filepath.Dir(name)), data)
		}
		return b.flush(func(c *Case) error { c.Dir = dir; return f(c) })
	})
}
