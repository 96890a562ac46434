//go:build amd64 || arm64

package signals

// actionsKnown tells whether kernelAction has the kernel's shape here: arch/x86/include/uapi/asm/signal.h and
// include/uapi/asm-generic/signal.h with SA_RESTORER of arch/arm64.
const actionsKnown = true
