/* For modules that `zig cc` links for Windows on x86-64, without its run-time library: what a function with a frame of a
 * page and more calls at its start. Windows grows a stack by one guard page at a time, so each page has to be touched,
 * from above. rax is the size of the frame; every register is kept. As libgcc and compiler-rt have it.
 */
#ifdef _WIN32
__asm__(
    ".text\n"
    ".globl ___chkstk_ms\n"
    "___chkstk_ms:\n"
    "    pushq %rcx\n"
    "    pushq %rax\n"
    "    leaq 24(%rsp), %rcx\n" /* where the stack was, before the call */
    "1:  cmpq $0x1000, %rax\n"
    "    jb 2f\n"
    "    subq $0x1000, %rcx\n"
    "    orq $0, (%rcx)\n"
    "    subq $0x1000, %rax\n"
    "    jmp 1b\n"
    "2:  subq %rax, %rcx\n"
    "    orq $0, (%rcx)\n"
    "    popq %rax\n"
    "    popq %rcx\n"
    "    retq\n");
#endif
