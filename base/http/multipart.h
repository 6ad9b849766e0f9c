#ifndef MIRROR_BASE_HTTP_MULTIPART_H_
#define MIRROR_BASE_HTTP_MULTIPART_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/http/message.h"

namespace mirror {

/// Returns the boundary of a multipart/form-data body, from the request's Content-Type. Errors:
/// kInvalidArgument, with a text for people: the type is another one, or the boundary is missing, given twice
/// or invalid.
absl::StatusOr<std::string> MultipartBoundary(std::string_view content_type);

struct MultipartLimits {
  std::size_t fields_max = 32;             ///< Greatest number of fields, the file not included.
  std::size_t field_bytes_max = 64 << 10;  ///< Greatest size of a field's value.
  std::size_t header_bytes_max = 8 << 10;  ///< Greatest size of a part's header.
  std::uint64_t file_bytes_max = 10'000'000;
  std::string file_field = "file";      ///< Name of the field with the file.
  std::vector<std::string> repeatable;  ///< Fields that may occur more than once.
};

/// The content of a form, during and after reading.
struct MultipartForm {
  std::vector<std::pair<std::string, std::string>> fields;  ///< In order; names are UTF-8, values any bytes.
  /// File name as the client gives it, may be empty; absent: the form has no file.
  std::optional<std::string> file_name;
  std::uint64_t file_bytes = 0;

  /// The last boundary was read. If false, the body was cut off, even if its length is right.
  bool is_whole = false;

  /// Finds the first field of this name; null: there is none.
  const std::string* Find(std::string_view name) const;
};

/// Reads a multipart/form-data body (RFC 7578) as it arrives. Fields go into memory, the only file goes into
/// a sink.
///
/// It refuses all bodies that two programs may read differently. Required are: nothing before the first
/// boundary or after the last; one Content-Disposition with a name in each part's header; no folded line and
/// no encoding there; each name only once, except `repeatable` names; a file only in its field.
///
/// Errors of Write(), with texts for people: kInvalidArgument; kOutOfRange, which becomes a 413: a field or
/// the file is over its limit; those of the file's sink. After an error no more data is accepted. The door
/// must check `is_whole` before it answers, because a sink does not learn that the body has ended. Memory:
/// the fields, a part's header, and data of the length of a boundary.
class MultipartSink : public HttpBodySink {
 public:
  /// `file`: receives the bytes of the file.
  MultipartSink(std::string_view boundary, MultipartLimits limits, std::shared_ptr<HttpBodySink> file,
                std::shared_ptr<MultipartForm> form);
  absl::Status Write(std::string_view piece) override;

 private:
  enum class State { kBegin, kBoundary, kHeader, kContent, kEnd };

  /// Processes buffered data. False: more data is needed.
  absl::StatusOr<bool> Step();
  absl::StatusOr<bool> TakeBegin();
  absl::StatusOr<bool> TakeBoundary();
  absl::StatusOr<bool> TakeHeader();
  absl::StatusOr<bool> TakeContent();
  absl::StatusOr<bool> TakeEnd();
  absl::Status BeginPart(std::string_view header);
  absl::Status BeginField(std::string name);
  absl::Status AddContent(std::string_view bytes);
  std::string_view rest() const { return std::string_view(buffer_).substr(at_); }

  const std::string delimiter_;  ///< The boundary with the line end before it.
  const MultipartLimits limits_;
  const std::shared_ptr<HttpBodySink> file_;
  const std::shared_ptr<MultipartForm> form_;
  State state_ = State::kBegin;
  std::string buffer_;
  std::size_t at_ = 0;  ///< Data before this offset was processed.
  bool in_file_ = false;
  absl::Status failed_;
};

}  // namespace mirror

#endif  // MIRROR_BASE_HTTP_MULTIPART_H_
