extension [String] {
    /// The known name closest to an unknown one that is probably a typo.
    ///
    /// - Returns: Nil for a known name, and for a name unrelated to this program: one that does not start with `CHAT_`
    ///   and differs from every known name by more than two edits.
    package func nearest(toUnknown name: String) -> String? {
        if contains(name) { return nil }
        let upper = name.uppercased()
        guard let nearest = self.min(by: { $0.distance(to: upper) < $1.distance(to: upper) }) else { return nil }
        return upper.hasPrefix("CHAT_") || nearest.distance(to: upper) <= 2 ? nearest : nil
    }
}

extension String {
    /// The Levenshtein distance to `other`, in bytes.
    fileprivate func distance(to other: String) -> Int {
        let other = Array(other.utf8)
        var row = Array(0...other.count)
        for (line, letter) in utf8.enumerated() {
            var diagonal = row[0]
            row[0] = line + 1
            for column in other.indices {
                let replaced = diagonal + (letter == other[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = Swift.min(replaced, diagonal + 1, row[column] + 1)
            }
        }
        return row[other.count]
    }
}
