extension [PostgresValue] {
    /// Lends libpq the parameters' bytes, lengths and formats (all binary) for the duration of a call.
    func withUnsafeBinding<Result>(
        _ body: ([UnsafePointer<CChar>?], [Int32], [Int32]) -> Result
    ) -> Result {
        var storage: [UInt8] = []
        let counts = map { $0.append(to: &storage) }
        // An empty array has no base address, but an empty value must not become NULL.
        storage.append(0)
        return storage.withUnsafeBytes { storage in
            var offset = 0
            let pointers = counts.map { count -> UnsafePointer<CChar>? in
                guard let count else { return nil }
                defer { offset += count }
                return storage.baseAddress?.advanced(by: offset).assumingMemoryBound(to: CChar.self)
            }
            return body(pointers, counts.map { Int32($0 ?? 0) }, map { _ in 1 })
        }
    }
}

extension [String] {
    /// Lends C a null-terminated array of the strings for the duration of a call.
    func withUnsafeCStrings<Result>(_ body: ([UnsafePointer<CChar>?]) -> Result) -> Result {
        let storage: [CChar] = reduce(into: []) { $0 += $1.utf8CString }
        return storage.withUnsafeBufferPointer { storage in
            var offset = 0
            let pointers = map { string in
                defer { offset += string.utf8.count + 1 }
                return storage.baseAddress?.advanced(by: offset)
            }
            return body(pointers + [nil])
        }
    }
}
