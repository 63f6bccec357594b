;; Guile's memory is managed by Boehm's collector, which has handlers of pthread_atfork and stops the world by signals.
;; Starts processes in each of Guile's ways, also while threads make garbage; "RESULT TEST" for each test.  Nothing is
;; forked then: Guile's own locks are not made for that.

(use-modules (ice-9 popen) (ice-9 rdelim) (ice-9 textual-ports) (ice-9 threads) (srfi srfi-1) (srfi srfi-11))

(define (report name good)
  (format #t "~a ~a~%" (if good "ok" "FAILED") name)
  (force-output))

(define-syntax-rule (test name wanted expression)
  (report name
          (let ((is (catch #t (lambda () expression) (lambda error error))))
            (or (equal? is wanted)
                (begin (format (current-error-port) "~a: ~s~%" name is) #f)))))

(define (make-garbage)
  (let loop ((i 0) (list '()))
    (if (< i 20000) (loop (+ i 1) (cons (make-string 20) (if (zero? (modulo i 100)) '() list))))))

(define stopped #f)

(define (while-others-make-garbage do)
  (set! stopped #f)
  (let ((threads (map (lambda (n) (call-with-new-thread (lambda () (let loop () (make-garbage) (or stopped (loop))))))
                      (iota 2))))
    (let ((result (do)))
      (set! stopped #t)
      (for-each join-thread threads)
      result)))

(define (wait pid)
  (status:exit-val (cdr (waitpid pid))))

;; The words that it writes, and its status.
(define (output . command)
  (let* ((port (apply open-pipe* OPEN_READ command))
         (text (get-string-all port)))
    (cons text (status:exit-val (close-pipe port)))))

(define (fork-and-collect)
  (let ((pid (primitive-fork)))
    (if (zero? pid)
        (begin
          (make-garbage)
          (gc)
          (primitive-_exit 40))
        (wait pid))))

(define (spawn-it . command)
  (wait (spawn (car command) command)))

(test "system*" 7 (status:exit-val (system* "sh" "-c" "exit 7")))
(test "system" 6 (status:exit-val (system "exit 6")))
(test "open-pipe*" '("text\n" . 5) (output "sh" "-c" "echo text; exit 5"))
(test "spawn" 4 (spawn-it "sh" "-c" "exit 4"))
(test "spawn_of_nothing" 'system-error
      (catch 'system-error (lambda () (spawn "there-is-no-such-program" '("it"))) (lambda (key . rest) key)))
(test "primitive-fork" 40 (fork-and-collect))
(test "pipeline" "19\n"
      (let-values (((from to pids) (pipeline '(("seq" "1" "100") ("grep" "7") ("wc" "-l")))))
        (close-port to)
        (let ((text (get-string-all from)))
          (for-each waitpid pids)
          text)))
(test "a_hundred_spawns_while_garbage_is_made" 100
      (while-others-make-garbage
       (lambda () (count (lambda (n) (= (spawn-it "sh" "-c" (format #f "exit ~a" n)) n)) (iota 100)))))
(test "a_hundred_pipes_while_garbage_is_made" 100
      (while-others-make-garbage
       (lambda () (count (lambda (n) (equal? (output "echo" (number->string n)) (cons (format #f "~a\n" n) 0)))
                         (iota 100)))))
(test "forty_forks" 40 (count (lambda (n) (= (fork-and-collect) 40)) (iota 40)))
(test "four_threads" '(25 25 25 25)
      (par-map (lambda (thread) (count (lambda (n) (= (spawn-it "sh" "-c" (format #f "exit ~a" n)) n)) (iota 25)))
               (iota 4)))
(test "no_child_left" 'system-error
      (catch 'system-error (lambda () (waitpid -1 WNOHANG)) (lambda (key . rest) key)))
