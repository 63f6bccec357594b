// Starts processes in every way that Java's ProcessBuilder knows, and prints "RESULT TEST" for each test.

import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

class Launch {
    interface Test {
        Object run() throws Exception;
    }

    static void test(String name, Object wanted, Test test) {
        Object is;
        try {
            is = test.run();
        } catch (Exception error) {
            is = error;
        }
        boolean good = wanted.equals(is);
        System.out.println((good ? "ok " : "FAILED ") + name.replace(' ', '_'));
        if (!good) {
            System.err.println(name + ": " + is + ", not " + wanted);
        }
    }

    static ProcessBuilder shell(String command) {
        return new ProcessBuilder("sh", "-c", command);
    }

    static String text(Process process) throws Exception {
        try (var stream = process.getInputStream()) {
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    static String text(ProcessBuilder builder) throws Exception {
        Process process = builder.start();
        String text = text(process);
        return text + process.waitFor();
    }

    static String status(String field) throws Exception {
        return text(new ProcessBuilder("sed", "-n", "/^" + field + "/p", "/proc/self/status"));
    }

    static Path temporary(String text) throws IOException {
        Path path = Files.createTempFile("launch", null);
        path.toFile().deleteOnExit();
        Files.writeString(path, text);
        return path;
    }

    static String refused(String program, File directory) throws Exception {
        try {
            new ProcessBuilder(program).directory(directory).start();
            return "it was started";
        } catch (IOException error) {
            return error.getMessage().replaceAll("(?s).*error[=:] ?(\\d+).*", "$1");
        }
    }

    static int ended(boolean forcibly) throws Exception {
        Process process = new ProcessBuilder("sleep", "100").start();
        if (process.waitFor(100, TimeUnit.MILLISECONDS) || !process.isAlive()) {
            return -1;
        }
        if (forcibly) {
            process.destroyForcibly();
        } else {
            process.destroy();
        }
        return process.waitFor();
    }

    static int atOnce(int threads, int times) throws Exception {
        var pool = Executors.newFixedThreadPool(threads);
        List<Callable<Integer>> tasks = new ArrayList<>();
        for (int i = 0; i < threads * times; i++) {
            int number = i;
            tasks.add(() -> text(shell("echo " + number + "; exit " + number % 100))
                    .equals(number + "\n" + number % 100) ? 1 : 0);
        }
        int right = 0;
        for (Future<Integer> result : pool.invokeAll(tasks)) {
            right += result.get();
        }
        pool.shutdown();
        return right;
    }

    static int whileCollecting() throws Exception {
        Thread collector = new Thread(() -> {
            while (!Thread.interrupted()) {
                System.gc();
            }
        });
        collector.start();
        try {
            return atOnce(4, 5);
        } finally {
            collector.interrupt();
            collector.join();
        }
    }

    static String pipeline() throws Exception {
        var processes = ProcessBuilder.startPipeline(List.of(
                new ProcessBuilder("seq", "1", "100"), new ProcessBuilder("grep", "7"),
                new ProcessBuilder("wc", "-l")));
        String text = text(processes.get(2)).trim();
        return text + processes.stream().map(process -> {
            try {
                return " " + process.waitFor();
            } catch (InterruptedException error) {
                return " " + error;
            }
        }).collect(Collectors.joining());
    }

    static String files() throws Exception {
        Path in = temporary("in");
        Path out = temporary("before ");
        Path error = temporary("lost");
        var builder = shell("cat; echo error >&2").redirectInput(in.toFile())
                .redirectOutput(Redirect.appendTo(out.toFile())).redirectError(error.toFile());
        return builder.start().waitFor() + Files.readString(out) + Files.readString(error).trim();
    }

    static String throughPipe(int size) throws Exception {
        Process process = new ProcessBuilder("wc", "-c").start();
        try (var stream = process.getOutputStream()) {
            new ByteArrayInputStream(new byte[size]).transferTo(stream);
        }
        return text(process).trim() + " " + process.waitFor();
    }

    public static void main(String[] arguments) throws Exception {
        test("status", "7", () -> text(shell("exit 7")));
        test("output", "out\n0", () -> text(shell("echo out; echo err >&2")));
        test("merged streams", "out\nerr\n0",
                () -> text(shell("echo out; echo err >&2").redirectErrorStream(true)));
        test("files", "0before inerror", Launch::files);
        test("a long input", "1000000 0", () -> throughPipe(1000000));
        test("inherited streams", 0, () -> shell("true").inheritIO().start().waitFor());
        test("directory", "/usr\n0", () -> text(new ProcessBuilder("/bin/pwd").directory(new File("/usr"))));
        test("a program relative to the directory", "here\n0",
                () -> text(new ProcessBuilder("./echo", "here").directory(new File("/bin"))));
        test("environment", "NAME=value\n0", () -> {
            var builder = new ProcessBuilder("/usr/bin/env");
            builder.environment().clear();
            builder.environment().put("NAME", "value");
            return text(builder);
        });
        test("arguments", "[a b][][\"]0", () -> text(new ProcessBuilder("printf", "[%s]", "a b", "", "\"")));
        test("process ID", true, () -> {
            Process process = shell("echo $$").start();
            return text(process).trim().equals(process.pid() + "") && process.waitFor() == 0;
        });
        test("dispositions", "SigCgt:\t0000000000000000\n0", () -> status("SigCgt"));
        // With VFORK it is that of the calling thread, and else empty.
        System.out.println("ok the_mask_is_" + status("SigBlk").replaceAll("\\W+", "_"));
        test("descriptors", "0\n1\n2\n3\n0", () -> text(new ProcessBuilder("ls", "/proc/self/fd")));
        test("ENOENT", "2", () -> refused("there-is-no-such-program", null));
        test("EACCES", "13", () -> refused("/etc/passwd", null));
        test("no such directory", "2", () -> refused("true", new File("/nothing/here")));
        test("destroy", 128 + 15, () -> ended(false));
        test("destroyForcibly", 128 + 9, () -> ended(true));
        test("onExit", 5, () -> shell("exit 5").start().onExit().get(60, TimeUnit.SECONDS).exitValue());
        test("pipeline", "19 0 0 0", Launch::pipeline);
        test("eight threads", 160, () -> atOnce(8, 20));
        test("while the collector runs", 20, Launch::whileCollecting);
        test("no child left", 0L, () -> {
            // The thread that waits for a child may be behind whoever saw its end.
            for (int turn = 0; turn < 100 && ProcessHandle.current().children().count() > 0; turn++) {
                Thread.sleep(50);
            }
            return ProcessHandle.current().children().count();
        });
    }
}
