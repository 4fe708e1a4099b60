// Command capi is the C interface: built with -buildmode=c-shared it becomes libexeckit.so. front.c holds the public
// symbols; the functions here turn C strings into calls of core/rpc and hold no logic of their own.
package main

/*
#cgo CFLAGS: -I${SRCDIR}/../include -fvisibility=hidden
#include <stdint.h>
*/
import "C"

import (
	"context"
	"os"
	"time"
	"unsafe"

	"github.com/execkit/execkit/cmd/execkit/cli"
	"github.com/execkit/execkit/core/rpc"
)

// server is the one of this process; handles in C are process-wide too.
var server = rpc.NewServer()

func main() {}

func goText(s *C.char) string {
	if s == nil {
		return ""
	}
	return C.GoString(s)
}

// cText returns text, which it may write behind, as a C string for execkit_free. A result can be of many megabytes, so it is copied once.
func cText(text []byte) *C.char { return (*C.char)(C.CBytes(append(text, 0))) }

//export goCall
func goCall(method, params *C.char) *C.char {
	return cText(server.Call(context.Background(), goText(method), []byte(goText(params))))
}

// guarded runs fn and turns a panic into fallback: none may cross into C. Calls of methods recover in rpc already.
func guarded[T any](fallback T, fn func() T) (result T) {
	defer func() {
		if recover() != nil {
			result = fallback
		}
	}()
	return fn()
}

//export goQueueOpen
func goQueueOpen(wake *C.int) C.int64_t {
	return guarded(-1, func() C.int64_t {
		q, err := newQueue()
		if err != nil {
			return -1
		}
		if wake != nil {
			*wake = C.int(q.wakeFD())
		}
		return C.int64_t(queues.add(q))
	})
}

//export goSubmit
func goSubmit(queue C.int64_t, token C.uint64_t, method, params *C.char) C.int {
	return guarded(-1, func() C.int {
		if q := queues.get(int64(queue)); q == nil || !q.submit(uint64(token), goText(method), []byte(goText(params))) {
			return -1
		}
		return 0
	})
}

//export goSubmitSoon
func goSubmitSoon(queue C.int64_t, token C.uint64_t, method, params *C.char, waitUS C.int, status *C.int) *C.char {
	*status = -1
	return guarded(nil, func() *C.char {
		q := queues.get(int64(queue))
		if q == nil {
			return nil
		}
		reply, ok := q.submitSoon(uint64(token), goText(method), []byte(goText(params)), time.Duration(waitUS)*time.Microsecond)
		if !ok {
			return nil
		}
		*status = 0
		if reply == nil {
			return nil
		}
		return cText(reply)
	})
}

//export goCancel
func goCancel(queue C.int64_t, token C.uint64_t) C.int {
	return guarded(-1, func() C.int {
		if q := queues.get(int64(queue)); q == nil || !q.cancel(uint64(token)) {
			return -1
		}
		return 0
	})
}

//export goQueueWait
func goQueueWait(queue C.int64_t, timeoutMS C.int) *C.char {
	return guarded(nil, func() *C.char {
		q := queues.get(int64(queue))
		if q == nil {
			return nil
		}
		if batch := q.wait(int(timeoutMS)); batch != nil {
			return cText(batch)
		}
		return nil
	})
}

//export goQueueClose
func goQueueClose(queue C.int64_t) {
	guarded(0, func() int {
		if q := queues.remove(int64(queue)); q != nil {
			q.close()
		}
		return 0
	})
}

//export goMain
func goMain(argc C.int, argv **C.char) C.int {
	return guarded(125, func() C.int {
		var args []string
		for i, arg := range unsafe.Slice(argv, argc) {
			if i > 0 { // the first is the program's own name
				args = append(args, goText(arg))
			}
		}
		return C.int(cli.Main(args, os.Stdin, os.Stdout, os.Stderr))
	})
}
