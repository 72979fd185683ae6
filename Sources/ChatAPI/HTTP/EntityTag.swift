import ChatDomain

extension Message {
    /// The strong entity tag (RFC 9110): the revision in quotes.
    var entityTag: String {
        "\"\(revision)\""
    }

    /// Whether a list of entity tags, as in `If-None-Match`, contains the current revision or `*`.
    func isNamed(byEntityTags list: String) -> Bool {
        list.entityTags.contains { $0 == "*" || $0.revision == revision }
    }
}

extension String {
    fileprivate var entityTags: [Substring] {
        split(separator: ",").map { tag in
            tag.trimmingPrefix { $0 == " " || $0 == "\t" }.split { $0 == " " || $0 == "\t" }.first ?? ""
        }
    }
}

extension RevisionCondition {
    /// Parses the `If-Match` header.
    ///
    /// Tags that no message can have match nothing.
    init(ifMatch header: String?) {
        guard let tags = header?.entityTags, !tags.contains("*") else {
            self = .any
            return
        }
        self = .oneOf(Set(tags.compactMap(\.revision)))
    }
}

extension Substring {
    /// The revision in an entity tag; nil if it has none.
    ///
    /// A proxy that compresses a response changes its tag: `W/"1"` (nginx), `"1-gzip"` (Apache, Caddy), `"1;gzip"`. A
    /// revision identifies the state of the message and not its bytes, so all of them match.
    fileprivate var revision: Int64? {
        let tag = trimmingPrefix("W/")
        guard tag.count > 2, tag.first == "\"", tag.last == "\"" else { return nil }
        let parts = tag.dropFirst().dropLast().split(maxSplits: 1, omittingEmptySubsequences: false) {
            $0 == "-" || $0 == ";"
        }
        guard let digits = parts.first, let revision = Int64(digits), String(revision) == digits,
            parts.count == 1 || parts[1].wholeMatch(of: /[a-z]+/) != nil
        else { return nil }
        return revision
    }
}
