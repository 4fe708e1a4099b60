// Package engine drives one live bash: it hands commands over, learns how each ended, and gets the shell back when a
// command does not end by itself.
//
// # How a command runs
//
// The shell is interactive and reads its commands from a socket. For each command the engine sends one line:
//
//	__ek_c='__ek_n=<proof><newline><command>';__ek_i=/dev/null;\. <script>;{ time;} 2>&"$((TIMEFORMAT=<rest>+__ek_n+$?,250))";…
//
// The script is a sealed memory file of the host; its first part evaluates the command with its own standard streams
// and without descriptors 250 and 251, the report and control sockets. The status is then printed by the
// keyword time, whose format is assigned inside a redirection: neither looks up a function, an alias or a builtin, and
// neither runs a DEBUG trap, so nothing that the session defined stands in between. The nonce is part of a line that
// bash has parsed before the command starts; it is in no variable, descriptor or BASH_COMMAND that the command can
// read. Between commands the shell is in POSIX mode, where special builtins win over functions.
//
// A command of plain literal words, in a shell whose words nothing has given another meaning yet, cannot change the shell's
// environment: a program cannot change its parent, and the few builtins that are left are known. Only its status is then
// asked for; see command.MannerOf. The directory is the kernel's to tell either way.
//
// # Completion
//
// A line that bash abandons (an interrupt, ${x?}, an unset variable under set -u) never prints its status. The engine
// notices that from the kernel: /proc/PID/syscall shows the shell blocked in its top-level read, at the stack depth
// recorded when the session was pristine. Only then is the status asked for with a fresh nonce. End of file on the output never
// means completion, so a background child that keeps the pipes open holds up nothing.
//
// # Output
//
// The command's stdout and stderr are pipes that the shell opens for each command by the path of the engine's own
// read end. After a command a read end without writers gives end of file, and one with writers belongs to background
// processes; it is then replaced, so their late output never mixes into another result.
//
// # Threats
//
// The command is hostile, and so is everything that it leaves in the shell. A supervisor process stands between the
// shell and the host, so kill $PPID ends the session's supervisor and not the host. It is a program of half a kilobyte
// that a sealed memory file holds or, where such a file is not executed, a script of the shell's own program; see
// supervisor_linux.go.
//
// One forgery is left. A command can leave a process behind that has a copy of the shell's input, and a trap in the
// shell. Where that process takes the next line and the trap evaluates what it made of it, the shell does report; it
// then reports on what it ran.
package engine
