import ChatDomain

extension Message {
    /// A strong entity tag (RFC 9110): the revision in quotes.
    var entityTag: String {
        Self.entityTag(ofRevision: revision)
    }

    fileprivate static func entityTag(ofRevision revision: Int64) -> String {
        "\"\(revision)\""
    }
}

extension String {
    /// Whether a list of entity tags has this one, compared weakly as `If-None-Match` demands, or stands for all of them.
    func namesEntityTag(_ tag: String) -> Bool {
        entityTags.contains { $0 == "*" || $0.trimmingPrefix("W/") == tag }
    }

    fileprivate var entityTags: [Substring] {
        split(separator: ",").map { tag in
            tag.trimmingPrefix { $0 == " " || $0 == "\t" }.split { $0 == " " || $0 == "\t" }.first ?? ""
        }
    }
}

extension RevisionCondition {
    /// The header `If-Match`.
    ///
    /// A tag that no message can have matches none. A proxy that compresses a response makes its tag weak, `W/"1"`; a
    /// revision names a state of the message and not its bytes, and so both forms name the same revision.
    init(ifMatch header: String?) {
        guard let tags = header?.entityTags, !tags.contains("*") else {
            self = .any
            return
        }
        let revisions = tags.compactMap { tag -> Int64? in
            let tag = tag.trimmingPrefix("W/")
            guard let revision = Int64(tag.dropFirst().dropLast()), tag == Message.entityTag(ofRevision: revision)
            else {
                return nil
            }
            return revision
        }
        self = .oneOf(Set(revisions))
    }
}
