#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// The limit on the files and connections that the process can have open.
enum OpenFiles {
    /// Raises the limit to the hard limit: the usual default of 1,024 is too low for `--max-connections`.
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
