/// The version of this program, as in the API document.
enum ServiceVersion {
    static let text = "0.1.0"
}
