// SPDX-License-Identifier: MIT OR Apache-2.0

// Starts programs by Go's os/exec; see run.py.
//
// SysProcAttr has the user, the groups and the death signal.  It has no limits, and nothing of the program's own can
// run in the child: prlimit(1) sets them and then executes the program.  (The system call of that name, on the child
// from outside, comes too late, and needs CAP_SYS_RESOURCE where the user is another.)  It closes no descriptors
// either, because Go opens its own close-on-exec; those of others are marked before each start, in the caller.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

const (
	sysCloseRange      = 436
	closeRangeCloexec  = 4
	madviseNoHugePages = 15
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "os-exec:", err)
		os.Exit(1)
	}
}

func holdMemory(size int) []byte {
	memory, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_PRIVATE|syscall.MAP_ANONYMOUS)
	check(err)
	_ = syscall.Madvise(memory, madviseNoHugePages)
	for i := 0; i < size; i += 4096 {
		memory[i] = 1
	}
	return memory
}

func openDescriptors(count int) {
	var limit syscall.Rlimit
	check(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	limit.Cur = limit.Max
	check(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	for ; count > 0; count-- {
		_, err := syscall.Open("/dev/null", syscall.O_RDONLY, 0)
		check(err)
	}
}

func start(child string) time.Duration {
	before := time.Now()
	_, _, errno := syscall.RawSyscall(sysCloseRange, 3, uintptr(^uint32(0)), closeRangeCloexec)
	if errno != 0 {
		check(errno)
	}
	command := exec.Command("/usr/bin/prlimit", "--nofile=256:1024", "--core=0:0", "--", child, "user")
	command.Env = []string{}
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: 65534, Gid: 65533, Groups: []uint32{65533, 65532, 65531}},
		Pdeathsig:  syscall.SIGKILL,
	}
	check(command.Start())
	check(command.Wait())
	return time.Since(before)
}

func main() {
	// The death signal comes when the thread ends that started the child.
	runtime.LockOSThread()
	mebibytes, err := strconv.Atoi(os.Args[1])
	check(err)
	descriptors, err := strconv.Atoi(os.Args[2])
	check(err)
	memory := holdMemory(mebibytes << 20)
	openDescriptors(descriptors)
	var count int
	for {
		if _, err := fmt.Scanln(&count); err != nil {
			break
		}
		var total time.Duration
		for i := 0; i < count; i++ {
			total += start(os.Args[3])
		}
		fmt.Println(total.Nanoseconds())
	}
	runtime.KeepAlive(memory)
}
