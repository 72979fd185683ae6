import Glibc
import NIOCore

extension Channel {
    /// The number of bytes in the kernel's send queue that the peer has not acknowledged (`SIOCOUTQ` in tcp(7)); 0 if
    /// unknown.
    ///
    /// The kernel accepts more data only once much of its queue is gone. So without this number, a client that reads
    /// slowly looks like one that does not read at all.
    ///
    /// - Precondition: On the channel's event loop.
    var kernelQueueLength: Int {
        let count = try? pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
            socket in
            var count: CInt = 0
            return ioctl(socket, UInt(TIOCOUTQ), &count) == 0 ? Int(count) : 0
        }
        return count.flatMap(\.self) ?? 0
    }
}
