extension [PostgresValue] {
    /// Lends libpq the parameters' bytes, lengths and formats (binary, all of them) for one call.
    func withUnsafeBinding<Result>(
        _ body: ([UnsafePointer<CChar>?], [Int32], [Int32]) -> Result
    ) -> Result {
        let bytes = map(\.bytes)
        let storage: [UInt8] = bytes.compactMap(\.self).reduce(into: []) { $0 += $1 } + [0]
        return storage.withUnsafeBytes { storage in
            var offset = 0
            let pointers = bytes.map { value -> UnsafePointer<CChar>? in
                guard let value else { return nil }
                defer { offset += value.count }
                return storage.baseAddress?.advanced(by: offset).assumingMemoryBound(to: CChar.self)
            }
            return body(pointers, bytes.map { Int32($0?.count ?? 0) }, map { _ in 1 })
        }
    }
}

extension [String] {
    /// Lends C a null-terminated array of the strings for one call.
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
