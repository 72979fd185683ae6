/// Whether the server serves its documentation.
enum DocumentationSetting: String, CaseIterable, Sendable {
    case on, off
}
