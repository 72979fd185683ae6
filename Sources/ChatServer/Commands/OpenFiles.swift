import Glibc

/// The limit on the files and connections that the process can have open.
enum OpenFiles {
    /// Raises the limit to the hard limit: the usual default of 1,024 is too low for `--max-connections`.
    ///
    /// - Returns: The new limit.
    static func raiseLimit() -> Int {
        let resource = Int32(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return .max }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(resource, &limit)
        return getrlimit(resource, &limit) == 0 ? Int(clamping: limit.rlim_cur) : .max
    }
}
