import CoreMetrics
import OpenMetrics
import Testing

struct MetricRegistryTests {
    private static let requests = MetricFamily("requests", .counter, "Requests \\ \"of\" all\nkinds.")
    private static let sizes = MetricFamily("size_bytes", .histogram(buckets: [1, 2.5]), unit: "bytes", "Sizes.")
    private static let build = MetricFamily("build", .info, "The build.")
    private static let temperature = MetricFamily("temperature", .gauge, "Temperature.")

    private static func filled() -> MetricRegistry {
        let registry = MetricRegistry()
        registry.counter(requests, [("route", "/b")]).increment(by: 2)
        registry.counter(requests, [("route", "/a\"\\\n")]).increment()
        let size = registry.histogram(sizes)
        [0.5, 1, 2, 4].forEach(size.record)
        registry.observe { [Observation(info: build, [("version", "1")]), Observation(temperature, -0.5)] }
        return registry
    }

    @Test func `OpenMetrics describes each family once and ends with EOF`() async {
        let text = String(decoding: await Self.filled().text(in: .openMetrics), as: UTF8.self)
        #expect(
            text == #"""
                # TYPE build info
                # HELP build The build.
                build_info{version="1"} 1
                # TYPE requests counter
                # HELP requests Requests \\ \"of\" all\nkinds.
                requests_total{route="/a\"\\\n"} 1
                requests_total{route="/b"} 2
                # TYPE size_bytes histogram
                # UNIT size_bytes bytes
                # HELP size_bytes Sizes.
                size_bytes_bucket{le="1.0"} 2
                size_bytes_bucket{le="2.5"} 3
                size_bytes_bucket{le="+Inf"} 4
                size_bytes_sum 7.5
                size_bytes_count 4
                # TYPE temperature gauge
                # HELP temperature Temperature.
                temperature -0.5
                # EOF

                """#
        )
    }

    @Test func `Prometheus's format names families as their samples, without units`() async {
        let text = String(decoding: await Self.filled().text(in: .prometheus), as: UTF8.self)
        #expect(
            text == #"""
                # HELP build_info The build.
                # TYPE build_info gauge
                build_info{version="1"} 1
                # HELP requests_total Requests \\ "of" all\nkinds.
                # TYPE requests_total counter
                requests_total{route="/a\"\\\n"} 1
                requests_total{route="/b"} 2
                # HELP size_bytes Sizes.
                # TYPE size_bytes histogram
                size_bytes_bucket{le="1.0"} 2
                size_bytes_bucket{le="2.5"} 3
                size_bytes_bucket{le="+Inf"} 4
                size_bytes_sum 7.5
                size_bytes_count 4
                # HELP temperature Temperature.
                # TYPE temperature gauge
                temperature -0.5

                """#
        )
    }

    @Test func `threads lose no value`() async {
        let registry = MetricRegistry()
        let (counter, histogram) = (registry.counter(Self.requests), registry.histogram(Self.sizes))
        await withTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<10_000 {
                        counter.increment()
                        histogram.record(2)
                    }
                }
            }
        }
        let text = String(decoding: await registry.text(in: .openMetrics), as: UTF8.self)
        #expect(text.contains("\nrequests_total 80000\n"))
        #expect(text.contains("\nsize_bytes_sum 160000\nsize_bytes_count 80000\n"))
    }

    @Test func `libraries record through swift-metrics, under names that are valid`() async {
        let registry = MetricRegistry()
        Counter(label: "http.requests", factory: registry).increment()
        Counter(label: "http.requests", factory: registry).increment()
        Timer(label: "wait", factory: registry).recordMilliseconds(2)
        Meter(label: "level", factory: registry).set(3)
        // A family has one kind.
        Meter(label: "http.requests", factory: registry).set(7)
        let gone = Counter(label: "gone", factory: registry)
        gone.destroy()
        let lines = String(decoding: await registry.text(in: .prometheus), as: UTF8.self).split(separator: "\n")
        #expect(lines.contains("http_requests_total 2"))
        #expect(lines.contains(#"wait_bucket{le="0.0025"} 1"#))
        #expect(lines.contains("wait_sum 0.002"))
        #expect(lines.contains("level 3"))
        #expect(!lines.contains { $0.hasSuffix(" 7") || $0.hasPrefix("gone") })
    }

    @Test func `Linux tells about the process`() async {
        let registry = MetricRegistry()
        let process = ProcessMetrics()
        registry.observe { process.observations() }
        let text = String(decoding: await registry.text(in: .openMetrics), as: UTF8.self)
        var values: [Substring: Double] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let parts = line.split(separator: " ")
            values[parts[0]] = Double(parts[1])
        }
        #expect((0.001...1e6).contains(values["process_cpu_seconds_total"] ?? 0))
        #expect((1e6...1e12).contains(values["process_resident_memory_bytes"] ?? 0))
        #expect((3...1e6).contains(values["process_open_fds"] ?? 0))
        #expect((values["process_max_fds"] ?? 0) >= (values["process_open_fds"] ?? 0))
        #expect((values["process_start_time_seconds"] ?? 0) > 1.7e9)
    }

    @Test(arguments: [
        (nil, ExpositionFormat.prometheus), ("*/*", .prometheus), ("text/html", .prometheus),
        ("application/openmetrics-text", .openMetrics),
        ("Application/OpenMetrics-Text; version=1.0.0; charset=utf-8", .openMetrics),
        ("application/openmetrics-text;q=0", .prometheus),
        ("text/plain, application/openmetrics-text;q=0.9", .prometheus),
        // What Prometheus 2.42 sends.
        (
            """
            application/openmetrics-text;version=1.0.0;q=0.75,application/openmetrics-text;version=0.0.1;q=0.5,\
            text/plain;version=0.0.4;q=0.25,*/*;q=0.1
            """, .openMetrics
        ),
    ])
    func `the format is the one that the client prefers`(_ accept: String?, _ format: ExpositionFormat) {
        #expect(ExpositionFormat(accept: accept) == format)
    }
}
