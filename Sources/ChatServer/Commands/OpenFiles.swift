#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// The files and connections that the process may have open.
enum OpenFiles {
    /// Allows as many as the system lets this process have: the usual default of 1,024 is less than its connections.
    static func raiseLimit() {
        var limit = rlimit()
        guard getrlimit(Self.resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(Self.resource, &limit)
    }

    #if canImport(Darwin)
    private static var resource: Int32 { RLIMIT_NOFILE }
    #else
    private static var resource: Int32 { Int32(RLIMIT_NOFILE.rawValue) }
    #endif
}
