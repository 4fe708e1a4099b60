package main

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

func newSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// kill ends a session leader and what is in its session, until nothing is left.
func kill(leader int) {
	for range 100 {
		left := 0
		entries, err := os.ReadDir("/proc")
		if err != nil {
			return
		}
		for _, entry := range entries {
			pid, err := strconv.Atoi(entry.Name())
			if err != nil {
				continue
			}
			stat, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
			if err != nil {
				continue
			}
			// After the name in brackets come state, parent, group and session.
			fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
			if len(fields) > 3 && string(fields[0]) != "Z" && (pid == leader || string(fields[3]) == strconv.Itoa(leader)) {
				_ = syscall.Kill(pid, syscall.SIGKILL)
				left++
			}
		}
		if left == 0 {
			return
		}
	}
}
