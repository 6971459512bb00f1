// Command protogen compiles the protos of a directory and hands them to code
// generators, as protoc would, with nothing installed but Go.
//
//	protogen [-root proto] [-keep name=newname] plugin:out[:options] …
//
// With -keep, of all the files that the plugins write only the one called name
// is kept, as newname; where it names itself, it is given the new name too.
// It is run in the folder of this module, whose `go tool protoc-gen-<plugin>` it calls.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

func main() {
	root := flag.String("root", "proto", "directory that holds the protos")
	keep := flag.String("keep", "", "the one file to keep and its new name: name=newname")
	flag.Parse()
	if err := run(context.Background(), *root, *keep, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "protogen:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root, keep string, plugins []string) error {
	names, err := protos(root)
	if err != nil {
		return err
	}
	files, err := compile(ctx, root, names)
	if err != nil {
		return err
	}
	for _, spec := range plugins {
		plugin, rest, _ := strings.Cut(spec, ":")
		out, options, _ := strings.Cut(rest, ":")
		request := &pluginpb.CodeGeneratorRequest{
			FileToGenerate: names,
			Parameter:      new(options),
			ProtoFile:      files,
		}
		generated, err := generate(ctx, plugin, request)
		if err != nil {
			return fmt.Errorf("%s: %w", plugin, err)
		}
		if generated, err = pick(generated, keep); err != nil {
			return fmt.Errorf("%s: %w", plugin, err)
		}
		if err := write(out, generated); err != nil {
			return err
		}
	}
	return nil
}

// protos returns the .proto files below root, relative to it and sorted.
func protos(root string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".proto" {
			return err
		}
		name, err := filepath.Rel(root, path)
		names = append(names, filepath.ToSlash(name))
		return err
	})
	slices.Sort(names)
	return names, err
}

// compile returns the files and all they import, imports first.
func compile(ctx context.Context, root string, names []string) ([]*descriptorpb.FileDescriptorProto, error) {
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{root}}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	compiled, err := compiler.Compile(ctx, names...)
	if err != nil {
		return nil, err
	}
	var files []*descriptorpb.FileDescriptorProto
	seen := map[string]bool{}
	var visit func(protoreflect.FileDescriptor)
	visit = func(fd protoreflect.FileDescriptor) {
		if seen[fd.Path()] {
			return
		}
		seen[fd.Path()] = true
		imports := fd.Imports()
		for i := range imports.Len() {
			visit(imports.Get(i).FileDescriptor)
		}
		files = append(files, protoutil.ProtoFromFileDescriptor(fd))
	}
	for _, fd := range compiled {
		visit(fd)
	}
	return files, nil
}

// generate runs the plugin and returns the files it made.
func generate(ctx context.Context, plugin string, request *pluginpb.CodeGeneratorRequest) ([]*pluginpb.CodeGeneratorResponse_File, error) {
	in, err := proto.Marshal(request)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "go", "tool", "protoc-gen-"+plugin) //nolint:gosec // The names come from the Makefile.
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	stdout, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var response pluginpb.CodeGeneratorResponse
	if err := proto.Unmarshal(stdout, &response); err != nil {
		return nil, err
	}
	if response.Error != nil {
		return nil, errors.New(response.GetError())
	}
	return response.File, nil
}

// pick returns the one file that keep names, renamed, or all of them where
// keep is empty.
func pick(files []*pluginpb.CodeGeneratorResponse_File, keep string) ([]*pluginpb.CodeGeneratorResponse_File, error) {
	if keep == "" {
		return files, nil
	}
	name, newName, _ := strings.Cut(keep, "=")
	for _, file := range files {
		if file.GetName() == name {
			file.Name = new(newName)
			file.Content = new(strings.ReplaceAll(file.GetContent(), strconv.Quote(name), strconv.Quote(newName)))
			return []*pluginpb.CodeGeneratorResponse_File{file}, nil
		}
	}
	return nil, fmt.Errorf("there is no %s among the files", name)
}

// write puts the files into the directory out.
func write(out string, files []*pluginpb.CodeGeneratorResponse_File) error {
	for _, file := range files {
		path := filepath.Join(out, file.GetName())
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(file.GetContent()), 0o644); err != nil { //nolint:gosec // Source code is for all to read.
			return err
		}
	}
	return nil
}
