import ChatDomain

extension Message {
    /// The strong entity tag (RFC 9110): the revision in quotes, followed by the length of an open message's text.
    var entityTag: String {
        "\"\(revision)\(openLength.map { ".\($0)" } ?? "")\""
    }

    /// Whether a list of entity tags, as in `If-None-Match`, contains the current one or `*`.
    func isNamed(byEntityTags list: String) -> Bool {
        list.entityTags.contains { tag in
            tag == "*" || tag.state.map { $0.revision == revision && $0.length == openLength } ?? false
        }
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
        self = .oneOf(Set(tags.compactMap(\.state?.revision)))
    }
}

extension Substring {
    /// The revision in an entity tag, and the length of an open message's text; nil if it has no revision.
    ///
    /// A proxy that compresses a response changes its tag: `W/"1"` (nginx), `"1-gzip"` (Apache, Caddy), `"1;gzip"`. A
    /// revision identifies the state of the message and not its bytes, so all of them match.
    fileprivate var state: (revision: Int64, length: Int?)? {
        let tag = trimmingPrefix("W/")
        guard tag.count > 2, tag.first == "\"", tag.last == "\"" else { return nil }
        let parts = tag.dropFirst().dropLast().split(maxSplits: 1, omittingEmptySubsequences: false) {
            $0 == "-" || $0 == ";"
        }
        guard parts.count == 1 || parts[1].wholeMatch(of: /[a-z]+/) != nil,
            let match = parts.first?.wholeMatch(of: /(0|[1-9][0-9]*)(?:\.(0|[1-9][0-9]*))?/),
            let revision = Int64(match.1)
        else { return nil }
        return (revision, match.2.flatMap { Int($0) })
    }
}
