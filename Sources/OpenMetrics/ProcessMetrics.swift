import Glibc

/// What Linux knows about this process, under the names that all Prometheus clients use.
package struct ProcessMetrics: Sendable {
    /// CPU time.
    package static let cpu = MetricFamily(
        "process_cpu_seconds",
        .counter,
        unit: "seconds",
        "CPU time of the process, in user and in system mode."
    )
    /// Memory in RAM.
    package static let residentMemory = MetricFamily(
        "process_resident_memory_bytes",
        .gauge,
        unit: "bytes",
        "Memory of the process in RAM."
    )
    /// Open files and connections.
    package static let openFiles = MetricFamily("process_open_fds", .gauge, "Open files and connections.")
    /// The limit on `openFiles`.
    package static let maximumFiles = MetricFamily(
        "process_max_fds",
        .gauge,
        "Maximum number of open files and connections."
    )
    /// When the process started.
    package static let start = MetricFamily(
        "process_start_time_seconds",
        .gauge,
        unit: "seconds",
        "When the process started, in seconds since 1970."
    )

    private let startTime: Double?

    /// Reads what never changes.
    package init() {
        // Fields 1 and 2 are the id and the name, which may contain spaces and parentheses.
        let fields = Self.text(of: "/proc/self/stat").split(separator: ")").last?.split(separator: " ") ?? []
        let boot = Self.text(of: "/proc/stat").split(separator: "\n").first { $0.hasPrefix("btime ") }
        let ticks = fields.count > 19 ? Double(fields[19]) : nil
        startTime = ticks.flatMap { ticks in
            boot.flatMap { Double($0.dropFirst(6)) }.map { $0 + ticks / Double(sysconf(Int32(_SC_CLK_TCK))) }
        }
    }

    /// The values at the moment; a value that Linux does not tell is missing.
    ///
    /// The files are in memory, so reading them does not block.
    package func observations() -> [Observation] {
        var observations: [Observation] = []
        func add(_ family: MetricFamily, _ value: Double?) {
            if let value { observations.append(Observation(family, value)) }
        }
        var usage = rusage()
        if getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 {
            add(Self.cpu, usage.ru_utime.inSeconds + usage.ru_stime.inSeconds)
        }
        let pages = Self.text(of: "/proc/self/statm").split(separator: " ").dropFirst().first.flatMap { Double($0) }
        add(Self.residentMemory, pages.map { $0 * Double(sysconf(Int32(_SC_PAGESIZE))) })
        add(Self.openFiles, Self.openFileCount())
        var limit = rlimit()
        if getrlimit(Int32(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            add(Self.maximumFiles, Double(limit.rlim_cur))
        }
        add(Self.start, startTime)
        return observations
    }

    private static func openFileCount() -> Double? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil {
            count += 1
        }
        // Without `.`, `..` and the folder itself.
        return Double(count - 3)
    }

    private static func text(of path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 14)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }
}

extension timeval {
    fileprivate var inSeconds: Double {
        Double(tv_sec) + Double(tv_usec) / 1e6
    }
}
