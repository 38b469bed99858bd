// Lists the public definitions of Go sources, and whether each has a comment: packages, exported functions, methods of exported
// types, types, constants and variables. Usage: docs files.json out.json
package main

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"sort"
)

type definition struct {
	File         string `json:"file"`
	Line         int    `json:"line"`
	Name         string `json:"name"`
	Kind         string `json:"kind"`
	IsDocumented bool   `json:"isDocumented"`
}

type report struct {
	Definitions []definition `json:"definitions"`
	Unreadable  []string     `json:"unreadable"`
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	must(err)
	var files []string
	must(json.Unmarshal(text, &files))
	sort.Strings(files)
	found := report{Definitions: []definition{}, Unreadable: []string{}}
	packages := map[string]*definition{}
	for _, file := range files {
		look(file, &found, packages)
	}
	for _, one := range packages {
		found.Definitions = append(found.Definitions, *one)
	}
	sort.Slice(found.Definitions, func(a, b int) bool {
		left, right := found.Definitions[a], found.Definitions[b]
		if left.File != right.File {
			return left.File < right.File
		}
		return left.Line < right.Line
	})
	out, err := json.Marshal(found)
	must(err)
	must(os.WriteFile(os.Args[2], out, 0o644))
}

func look(file string, found *report, packages map[string]*definition) {
	files := token.NewFileSet()
	tree, err := parser.ParseFile(files, file, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		found.Unreadable = append(found.Unreadable, file)
		return
	}
	if ast.IsGenerated(tree) {
		return
	}
	line := func(at token.Pos) int { return files.Position(at).Line }
	key := path.Dir(file) + "\x00" + tree.Name.Name
	if packages[key] == nil {
		packages[key] = &definition{file, line(tree.Name.Pos()), tree.Name.Name, "package", false}
	}
	if tree.Doc.Text() != "" {
		packages[key].IsDocumented = true
	}
	// Nobody can import what a program defines.
	if tree.Name.Name == "main" {
		return
	}
	add := func(name *ast.Ident, kind string, docs ...*ast.CommentGroup) {
		if !name.IsExported() {
			return
		}
		isDocumented := false
		for _, doc := range docs {
			isDocumented = isDocumented || doc.Text() != ""
		}
		found.Definitions = append(found.Definitions, definition{file, line(name.Pos()), name.Name, kind, isDocumented})
	}
	for _, each := range tree.Decls {
		switch decl := each.(type) {
		case *ast.FuncDecl:
			if decl.Recv == nil {
				add(decl.Name, "function", decl.Doc)
			} else if owner := receiver(decl.Recv); owner != nil && owner.IsExported() {
				add(decl.Name, "method", decl.Doc)
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				switch one := spec.(type) {
				case *ast.TypeSpec:
					add(one.Name, "type", decl.Doc, one.Doc, one.Comment)
				case *ast.ValueSpec:
					for _, name := range one.Names {
						add(name, decl.Tok.String(), decl.Doc, one.Doc, one.Comment)
					}
				}
			}
		}
	}
}

// receiver is the name of the type that a method belongs to.
func receiver(fields *ast.FieldList) *ast.Ident {
	if len(fields.List) == 0 {
		return nil
	}
	of := fields.List[0].Type
	for {
		switch one := of.(type) {
		case *ast.StarExpr:
			of = one.X
		case *ast.ParenExpr:
			of = one.X
		case *ast.IndexExpr:
			of = one.X
		case *ast.IndexListExpr:
			of = one.X
		case *ast.Ident:
			return one
		default:
			return nil
		}
	}
}

func must(err error) {
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}
