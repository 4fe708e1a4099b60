# The process between a host and its shell, for Linux on amd64; core/engine/supervisor_linux.go tells why it is there.
#
#	supervisor PROGRAM [ARGUMENT...]
#
# It runs PROGRAM (argv[1], with argv[1:] and the environment that it was given), waits for its end and ends with its
# status. Where a signal n ended PROGRAM it writes one byte to descriptor 2 and ends with 128+n. That is all that it can do:
# it opens no file, takes no input and allocates no memory. What it knows is in its arguments.
#
# This is the whole file, byte for byte: "go generate ./core/engine" assembles it and keeps the section .text.

	.intel_syntax noprefix
	.text

	.set SYS_write, 1
	.set SYS_close, 3
	.set SYS_rt_sigaction, 13
	.set SYS_rt_sigreturn, 15
	.set SYS_dup2, 33
	.set SYS_vfork, 58
	.set SYS_execve, 59
	.set SYS_wait4, 61
	.set SYS_prctl, 157
	.set SYS_exit_group, 231
	.set PR_SET_NAME, 15
	.set SIGCHLD, 17
	.set SIG_IGN, 1
	.set SA_RESTART, 0x10000000
	.set SA_RESTORER, 0x04000000
	.set EINTR, 4
	.set ENOENT, 2

# elf(5): one segment that is read and executed, at an address that the kernel picks, and a stack that is not executed.
# Nothing is writable but the stack.
file:
	.ascii	"\177ELF"
	.byte	2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0	# 64 bits, little-endian
	.short	3, 62				# ET_DYN, EM_X86_64
	.long	1
	.quad	entry - file, segments - file, 0
	.long	0
	.short	64, 56, 2, 0, 0, 0		# the sizes of both headers, two segments, no sections
segments:
	.long	1, 4 + 1			# PT_LOAD, read and execute
	.quad	0, 0, 0, end - file, end - file, 4096
	.long	0x6474e551, 4 + 2		# PT_GNU_STACK, read and write
	.quad	0, 0, 0, 0, 0, 16

name:	.asciz	"execkit-super"
caught:	.byte	1, 2, 3, 10, 12, 13, 14, 15, 0	# HUP INT QUIT USR1 USR2 PIPE ALRM TERM

# A caught signal runs this, which returns to restore, which returns to where the signal came.
handle:	ret
restore:
	mov	eax, SYS_rt_sigreturn
	syscall

entry:
	mov	rbp, rsp			# argc, argv, 0, environment, 0
	sub	rsp, 64				# rsp: the new action, rsp+32: the old one; later rsp: the status

	mov	eax, SYS_prctl			# what ps shows is else "4", the name below /proc/self/fd
	mov	edi, PR_SET_NAME
	lea	rsi, [rip + name]
	syscall

	mov	eax, SYS_close			# this file itself
	mov	edi, 4
	syscall

	# With SIGCHLD ignored, which the host may have been started with, no status could be waited for.
	xor	eax, eax
	mov	[rsp], rax			# SIG_DFL
	mov	[rsp+8], rax
	mov	[rsp+16], rax
	mov	[rsp+24], rax
	mov	edi, SIGCHLD
	mov	rsi, rsp
	xor	edx, edx
	mov	r10d, 8
	mov	eax, SYS_rt_sigaction
	syscall

	# Signals are caught and not ignored: execve gives PROGRAM the default for a caught one. One that is ignored stays so.
	lea	rbx, [rip + caught]
next:
	movzx	edi, byte ptr [rbx]
	test	edi, edi
	jz	run
	inc	rbx
	xor	esi, esi
	lea	rdx, [rsp+32]
	mov	eax, SYS_rt_sigaction
	syscall
	cmp	qword ptr [rsp+32], SIG_IGN
	je	next
	lea	rax, [rip + handle]
	mov	[rsp], rax
	mov	dword ptr [rsp+8], SA_RESTART | SA_RESTORER
	lea	rax, [rip + restore]
	mov	[rsp+16], rax
	mov	rsi, rsp
	xor	edx, edx
	mov	eax, SYS_rt_sigaction
	syscall
	jmp	next

run:
	mov	edi, 126			# no process to be had
	mov	eax, SYS_vfork
	syscall
	test	eax, eax
	jl	leave
	jnz	parent

	mov	eax, SYS_dup2			# the null device is descriptor 1
	mov	edi, 1
	mov	esi, 2
	syscall
	mov	eax, SYS_close			# the terminal: PROGRAM finds it as /dev/tty
	mov	edi, 3
	syscall
	mov	eax, SYS_execve
	mov	rdi, [rbp+16]
	lea	rsi, [rbp+16]
	mov	rdx, [rbp]
	lea	rdx, [rbp+rdx*8+16]
	syscall
	mov	edi, 127			# as shells say it: not found
	cmp	eax, -ENOENT
	je	leave
	mov	edi, 126			# cannot be executed
leave:
	mov	eax, SYS_exit_group
	syscall

parent:
	mov	ebx, eax
wait:
	mov	edi, ebx
	mov	rsi, rsp
	xor	edx, edx
	xor	r10d, r10d
	mov	eax, SYS_wait4
	syscall
	cmp	eax, -EINTR
	je	wait
	test	eax, eax
	jl	lost
	mov	edi, [rsp]
	mov	eax, edi
	shr	edi, 8
	and	eax, 0x7f			# wait(2): the signal, 0 for an exit
	jz	leave
	cmp	eax, 0x7f			# a stop, which a traced child tells, is no end
	je	wait
	lea	ebx, [rax+128]
	mov	eax, SYS_write
	mov	edi, 2
	lea	rsi, [rip + name]
	mov	edx, 1
	syscall
	mov	edi, ebx
	jmp	leave

# There is a child and its status can be waited for, so this is never reached. The host takes no status from a supervisor
# that a signal (SIGILL) ended.
lost:
	ud2
end:
