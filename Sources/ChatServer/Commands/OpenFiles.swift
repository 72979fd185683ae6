import Glibc

/// The limit on the files and connections that the process can have open.
enum OpenFiles {
    /// Raises the limit to the hard limit: the usual default of 1,024 is too low for `--max-connections`.
    static func raiseLimit() {
        let resource = Int32(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(resource, &limit)
    }
}
