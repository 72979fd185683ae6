extension HTTPTestClient {
    /// Reads `/metrics`: the values by the sample's name and labels.
    package func metrics() async throws -> [String: Double] {
        let samples = try await send("GET", "/metrics").text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        return Dictionary(
            samples.compactMap { line in
                line.lastIndex(of: " ").map { (String(line[..<$0]), Double(line[line.index(after: $0)...]) ?? .nan) }
            }
        ) { _, value in value }
    }
}
