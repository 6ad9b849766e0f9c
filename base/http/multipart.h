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

/// What separates the parts of a multipart/form-data body, by the request's Content-Type. Errors:
/// kInvalidArgument, with words for people: it is another type, or its boundary is missing, doubled or none.
absl::StatusOr<std::string> MultipartBoundary(std::string_view content_type);

struct MultipartLimits {
  std::size_t fields_max = 32;             ///< Beside the file.
  std::size_t field_bytes_max = 64 << 10;  ///< Of each.
  std::size_t header_bytes_max = 8 << 10;  ///< Of each part.
  std::uint64_t file_bytes_max = 10'000'000;
  std::string file_field = "file";      ///< Whose content is the file.
  std::vector<std::string> repeatable;  ///< Fields that may stand more than once.
};

/// What a form said, while it is read and afterwards.
struct MultipartForm {
  std::vector<std::pair<std::string, std::string>>
      fields;                            ///< In their order; names are UTF-8, values any bytes.
  std::optional<std::string> file_name;  ///< As the client calls it, or empty; absent: no file.
  std::uint64_t file_bytes = 0;

  /// The last boundary came: without it the body was cut off, whatever its length says.
  bool is_whole = false;

  /// The first of this name; null: there is none.
  const std::string* Find(std::string_view name) const;
};

/// Reads a multipart/form-data body (RFC 7578) as it comes: small fields into memory, the one file into a
/// sink.
///
/// Strict, since two programs must not read it differently: nothing stands before the first boundary or
/// behind the last; a part's header has one Content-Disposition with a name, no folded line, no encoding; a
/// name comes once; a file comes in its field alone.
///
/// Write() errors, with words for people: kInvalidArgument; kOutOfRange, which is a 413: a field or the file
/// is over its limit; those of the file's sink. Behind an error nothing more is taken. Who answers the
/// request asks for `is_whole` first: a sink is not told of the end. Memory: the fields, a part's header, and
/// a boundary's length of what came.
class MultipartSink : public HttpBodySink {
 public:
  /// `file`: takes the bytes of the file.
  MultipartSink(std::string_view boundary, MultipartLimits limits, std::shared_ptr<HttpBodySink> file,
                std::shared_ptr<MultipartForm> form);
  absl::Status Write(std::string_view piece) override;

 private:
  enum class State { kBegin, kBoundary, kHeader, kContent, kEnd };

  /// What can be done with what is there. False: more is needed.
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

  const std::string delimiter_;  ///< With the line end before it.
  const MultipartLimits limits_;
  const std::shared_ptr<HttpBodySink> file_;
  const std::shared_ptr<MultipartForm> form_;
  State state_ = State::kBegin;
  std::string buffer_;
  std::size_t at_ = 0;  ///< What stands before it was taken.
  bool in_file_ = false;
  absl::Status failed_;
};

}  // namespace mirror

#endif  // MIRROR_BASE_HTTP_MULTIPART_H_
