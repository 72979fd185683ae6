import NIOCore

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// Ends a command with one line for the person who ran it.
struct CommandError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

extension IOError {
    /// What the operating system says, without the call that it said it of.
    var reason: String {
        String(cString: strerror(errnoCode))
    }
}
