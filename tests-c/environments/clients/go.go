// A Go program that starts processes from C, beside those that Go's own os/exec starts by a clone of its own: threads
// that come and go, signals that preempt goroutines, and a collector.
//
//	go library|reference    by pidfd_spawn and pidfd_wait, or by posix_spawn and waitid; the tests, "RESULT TEST" each
package main

/*
#cgo LDFLAGS: -L/mnt -lpidfd_spawn
#define _GNU_SOURCE
#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern int pidfd_spawnp (int *restrict, const char *restrict, const posix_spawn_file_actions_t *restrict,
                         const posix_spawnattr_t *restrict, char *const[restrict], char *const[restrict]);
extern int pidfd_wait (int, siginfo_t *, int, struct rusage *);

// Output goes to the descriptor; returns an error number.
static int
start (int library, char **argv, int output, int *child)
{
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_adddup2 (&actions, output, 1);
  int error = library ? pidfd_spawnp (child, argv[0], &actions, NULL, argv, environ)
                      : posix_spawnp (child, argv[0], &actions, NULL, argv, environ);
  posix_spawn_file_actions_destroy (&actions);
  return error;
}

// The exit status, 128 and the signal, or -1.
static int
wait_for (int library, int child)
{
  siginfo_t info;
  memset (&info, 0, sizeof info);
  int result;
  do
    result = library ? pidfd_wait (child, &info, WEXITED, NULL) : waitid (P_PID, child, &info, WEXITED);
  while (result != 0 && errno == EINTR);
  if (library)
    close (child);
  return result != 0 ? -1 : info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

static char **
strings (int count)
{
  return calloc (count + 1, sizeof (char *));
}

static void
set (char **array, int place, char *text)
{
  array[place] = text;
}

static void
release (char **array)
{
  for (int i = 0; array[i]; i++)
    free (array[i]);
  free (array);
}
*/
import "C"

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

var library C.int

// run starts a program from C, and returns what it wrote and its status, or the error.
func run(arguments ...string) (string, int, error) {
	argv := C.strings(C.int(len(arguments)))
	defer C.release(argv)
	for place, argument := range arguments {
		C.set(argv, C.int(place), C.CString(argument))
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return "", 0, err
	}
	defer reader.Close()
	var child C.int
	number := C.start(library, argv, C.int(writer.Fd()), &child)
	writer.Close()
	if number != 0 {
		return "", 0, syscall.Errno(number)
	}
	text, err := io.ReadAll(reader)
	return string(text), int(C.wait_for(library, child)), err
}

func expect(text string, status int, arguments ...string) error {
	is, was, err := run(arguments...)
	if err == nil && (is != text || was != status) {
		err = fmt.Errorf("%q with status %d", is, was)
	}
	return err
}

func refused(wanted syscall.Errno, program string) error {
	if _, _, err := run(program); err != wanted {
		return fmt.Errorf("%v", err)
	}
	return nil
}

// sameAsGo compares what the program says with what it says to os/exec.
func sameAsGo(arguments ...string) error {
	is, _, err := run(arguments...)
	if err != nil {
		return err
	}
	command := exec.Command(arguments[0], arguments[1:]...)
	// As from C.
	command.Stdin = os.Stdin
	command.Stderr = os.Stderr
	other, err := command.Output()
	if err == nil && is != string(other) {
		err = fmt.Errorf("%q, and by os/exec %q", is, other)
	}
	return err
}

// atOnce does it in many goroutines.
func atOnce(goroutines, times int, do func(int) error) error {
	results := make(chan error, goroutines)
	for one := 0; one < goroutines; one++ {
		go func(one int) {
			for turn := 0; turn < times; turn++ {
				if err := do(one*times + turn); err != nil {
					results <- err
					return
				}
			}
			results <- nil
		}(one)
	}
	var first error
	for one := 0; one < goroutines; one++ {
		if err := <-results; first == nil {
			first = err
		}
	}
	return first
}

func fromC(number int) error {
	return expect(fmt.Sprintln(number), number%200, "sh", "-c", fmt.Sprintf("echo %d; exit %d", number, number%200))
}

func fromGo(number int) error {
	text, err := exec.Command("echo", fmt.Sprint(number)).Output()
	if err == nil && !bytes.Equal(text, []byte(fmt.Sprintln(number))) {
		err = fmt.Errorf("echo %d wrote %q", number, text)
	}
	return err
}

// busy keeps the collector and the signals that preempt at work until it is stopped.
func busy() (stop func()) {
	done := make(chan bool)
	var all sync.WaitGroup
	for i := 0; i < 2; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for {
				select {
				case <-done:
					return
				default:
					runtime.GC()
				}
			}
		}()
	}
	return func() {
		close(done)
		all.Wait()
	}
}

func noChildLeft() error {
	if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); err != syscall.ECHILD {
		return fmt.Errorf("%d, %v", pid, err)
	}
	return nil
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "library" {
		library = 1
	}
	signals := make(chan os.Signal, 10)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGCHLD)
	signal.Ignore(syscall.SIGUSR2)
	time.AfterFunc(2*time.Minute, func() { panic("it takes too long") })
	tests := []struct {
		name string
		test func() error
	}{
		{"status", func() error { return expect("", 7, "sh", "-c", "exit 7") }},
		{"signal", func() error { return expect("", 128+9, "sh", "-c", "kill -9 $$") }},
		{"ENOENT", func() error { return refused(syscall.ENOENT, "there-is-no-such-program") }},
		{"EACCES", func() error { return refused(syscall.EACCES, "/etc/passwd") }},
		{"signals as os/exec's child has them", func() error { return sameAsGo("grep", "^Sig[BIC]", "/proc/self/status") }},
		{"descriptors as os/exec's child has them", func() error { return sameAsGo("ls", "/proc/self/fd") }},
		{"sixteen goroutines", func() error { return atOnce(16, 15, fromC) }},
		{"sixteen goroutines while the world is stopped", func() error {
			defer busy()()
			return atOnce(16, 10, fromC)
		}},
		{"beside os/exec", func() error {
			return atOnce(16, 10, func(number int) error {
				if number%2 == 0 {
					return fromGo(number)
				}
				return fromC(number)
			})
		}},
		{"a thread that ends", func() error {
			return atOnce(8, 1, func(number int) error {
				// Never unlocked: the thread ends with the goroutine.
				runtime.LockOSThread()
				return fromC(number)
			})
		}},
		{"no child left", noChildLeft},
	}
	for _, one := range tests {
		if err := one.test(); err == nil {
			fmt.Println("ok", strings.ReplaceAll(one.name, " ", "_"))
		} else {
			fmt.Println("FAILED", strings.ReplaceAll(one.name, " ", "_"))
			fmt.Fprintf(os.Stderr, "%s: %v\n", one.name, err)
		}
	}
}
