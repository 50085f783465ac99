// Reads an exported log with golang.org/x/mod/sumdb, which knows nothing of the program that wrote it.
//
//	readlog FOLDER VKEY INDEX... checks the signed checkpoint, computes the tree's root from the tiles, and proves the
//	entries at these indexes out of the tiles; with PROOF files among the arguments, checks those as well.
//
// Differences of C2SP tlog-tiles to the tiles of x/mod: the path leaves the height out, it is always 8, and entries lie
// in tile/entries with their lengths before them.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

type folder string

func (f folder) Height() int { return height }

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", height), "tile/", 1)
		data, err := os.ReadFile(filepath.Join(string(f), path))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (f folder) entry(index, size int64) []byte {
	first := index / 256 * 256
	name := tlog.Tile{H: height, L: 0, N: index / 256, W: 256}
	if size-first < 256 {
		name.W = int(size - first)
	}
	path := strings.Replace(name.Path(), fmt.Sprintf("tile/%d/0/", height), "tile/entries/", 1)
	data := must(os.ReadFile(filepath.Join(string(f), path)))
	for ; first < index; first++ {
		data = data[2+binary.BigEndian.Uint16(data):]
	}
	return data[2 : 2+binary.BigEndian.Uint16(data)]
}

func main() {
	log := folder(os.Args[1])
	key := must(note.NewVerifier(os.Args[2]))
	tree := checkpoint(must(os.ReadFile(filepath.Join(string(log), "checkpoint"))), key)
	reader := tlog.TileHashReader(tree, log)
	if must(tlog.TreeHash(tree.N, reader)) != tree.Hash {
		fail("the tiles lead to another root")
	}
	for _, word := range os.Args[3:] {
		if strings.HasSuffix(word, ".tlog-proof") {
			proofFile(word, key)
			continue
		}
		index := must(strconv.ParseInt(word, 10, 64))
		proof := must(tlog.ProveRecord(tree.N, index, reader))
		check(tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(log.entry(index, tree.N))))
	}
	fmt.Printf("%d entries, signed by %s\n", tree.N, key.Name())
}

func checkpoint(data []byte, key note.Verifier) tlog.Tree {
	signed := must(note.Open(data, note.VerifierList(key)))
	lines := strings.Split(signed.Text, "\n")
	if lines[0] != key.Name() {
		fail("the checkpoint is of another log")
	}
	return tlog.Tree{N: must(strconv.ParseInt(lines[1], 10, 64)), Hash: must(tlog.ParseHash(lines[2]))}
}

// A proof file carries the entry itself as its extra data.
func proofFile(path string, key note.Verifier) {
	head, rest, _ := strings.Cut(string(must(os.ReadFile(path))), "\n\n")
	tree := checkpoint([]byte(rest), key)
	var proof tlog.RecordProof
	var entry []byte
	var index int64
	for _, line := range strings.Split(head, "\n")[1:] {
		switch word, text, _ := strings.Cut(line, " "); word {
		case "extra":
			entry = must(base64.StdEncoding.DecodeString(text))
		case "index":
			index = must(strconv.ParseInt(text, 10, 64))
		default:
			proof = append(proof, must(tlog.ParseHash(line)))
		}
	}
	check(tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)))
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func fail(words string) {
	fmt.Fprintln(os.Stderr, words)
	os.Exit(1)
}
