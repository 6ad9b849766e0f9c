#ifndef MIRROR_CLIENT_SOURCE_FILES_ROWS_XML_PART_H_
#define MIRROR_CLIENT_SOURCE_FILES_ROWS_XML_PART_H_

#include <expat.h>
#include <zip.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror {

/// Attributes as expat gives them; empty: there is none of this name, whatever its prefix.
std::string_view Attribute(const XML_Char** attributes, std::string_view name);

/// Bytes that a workbook's parts became, all together.
struct Inflated {
  std::uint64_t bytes = 0, most = 0;
};

/// One part of the archive, read as XML in pieces. No document type is taken: nothing of ours has one, and so
/// there are no entities. Nothing in it is nested deeply, nor has a tag of more than a megabyte.
class XmlPart {
 public:
  std::function<void(std::string_view name, const XML_Char** attributes)> on_begin;
  std::function<void(std::string_view name)> on_end;
  std::function<void(std::string_view text)> on_text;

  /// `index`: of the member of `archive`; `name`: for messages. `archive` and `inflated` outlive it. Errors:
  /// kInvalidArgument: it is encrypted.
  static absl::StatusOr<std::unique_ptr<XmlPart>> Open(zip_t* archive, zip_uint64_t index,
                                                       const std::string& name, Inflated* inflated);

  /// Reads a piece, up to Pause(). False: that was its end. Errors, as part of a sentence: kDataLoss;
  /// kInvalidArgument; kResourceExhausted.
  absl::StatusOr<bool> Step();
  /// For a handler: what is left of the piece waits for the next Step(), but for what the element at hand
  /// still calls.
  void Pause();

  /// All of it.
  absl::Status ReadAll(std::size_t most);

 private:
  explicit XmlPart(std::string name, Inflated* inflated);
  void Begin(std::string_view element, const XML_Char** attributes);
  void Refuse(const char* why);
  absl::StatusOr<XML_Status> ReadPiece();
  absl::Status Failure() const;

  struct FreeParser {
    void operator()(XML_Parser parser) const { XML_ParserFree(parser); }
  };
  struct CloseFile {
    void operator()(zip_file_t* file) const { zip_fclose(file); }
  };
  const std::string name_;
  Inflated& inflated_;
  std::unique_ptr<XML_ParserStruct, FreeParser> parser_;
  std::unique_ptr<zip_file_t, CloseFile> file_;
  std::size_t read_ = 0;
  std::uint32_t depth_ = 0;
  bool paused_ = false, at_end_ = false;
  const char* refused_ = nullptr;  ///< Why, where it is not expat that says so.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILES_ROWS_XML_PART_H_
