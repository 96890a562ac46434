package image

const running = "/proc/self/exe"
