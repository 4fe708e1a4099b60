package main

import (
	"archive/tar"
	"compress/bzip2"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// A run is one failing build or test run: its output, and the texts in it that matter.
type run struct {
	name    string
	text    []byte
	Command string
	Want    []string
}

// load reads the runs of a folder or of a .tar.bz2, by name.
func load(source string) ([]run, error) {
	var files map[string][]byte
	var err error
	if strings.HasSuffix(source, ".tar.bz2") {
		files, err = readArchive(source)
	} else {
		files, err = readFolder(os.DirFS(source))
	}
	if err != nil {
		return nil, err
	}
	var runs []run
	for name, text := range files {
		name, ok := strings.CutSuffix(name, ".log")
		if !ok {
			continue
		}
		r := run{name: name, text: text}
		if err := json.Unmarshal(files[name+".json"], &r); err != nil {
			return nil, fmt.Errorf("%s.json: %w", name, err)
		}
		runs = append(runs, r)
	}
	if len(runs) == 0 {
		return nil, fmt.Errorf("%s: no runs; runs/generate.py makes them", source)
	}
	slices.SortFunc(runs, func(a, b run) int { return strings.Compare(a.name, b.name) })
	return runs, nil
}

func readFolder(folder fs.FS) (map[string][]byte, error) {
	files := make(map[string][]byte)
	paths, err := fs.Glob(folder, "*.*")
	if err != nil {
		return nil, err
	}
	for _, p := range paths {
		if files[p], err = fs.ReadFile(folder, p); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func readArchive(source string) (map[string][]byte, error) {
	f, err := os.Open(source)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	files := make(map[string][]byte)
	for archive := tar.NewReader(bzip2.NewReader(f)); ; {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", source, err)
		}
		if files[path.Base(head.Name)], err = io.ReadAll(archive); err != nil {
			return nil, err
		}
	}
}
