import NIOCore

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

extension Channel {
    /// How many bytes the kernel has taken that the peer has not (`SIOCOUTQ` of tcp(7)); 0 if it does not say.
    ///
    /// The kernel takes more only when much of what it has is gone: without it, a slow reader looks like none.
    ///
    /// - Precondition: On the channel's event loop.
    var kernelQueueLength: Int {
        #if os(Linux)
        let count = try? pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
            socket in
            var count: CInt = 0
            return ioctl(socket, UInt(TIOCOUTQ), &count) == 0 ? Int(count) : 0
        }
        return count.flatMap(\.self) ?? 0
        #else
        return 0
        #endif
    }
}
