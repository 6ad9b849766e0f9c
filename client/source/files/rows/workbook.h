#ifndef MIRROR_CLIENT_SOURCE_FILES_ROWS_WORKBOOK_H_
#define MIRROR_CLIENT_SOURCE_FILES_ROWS_WORKBOOK_H_

#include <expat.h>
#include <zip.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/files/rows/cell_format.h"

namespace mirror {

/// Names of parts in a package of Office Open XML, as "xl/workbook.xml".

/// Resolves the target of a relation, in a form for messages: without "./", "../" and backslashes. A target
/// that begins with a slash counts from the root, another one from the folder of `part`, which has the
/// relation. An empty `part` is the package itself.
std::string ResolveTarget(std::string_view part, std::string_view target);

/// Returns the form under which a part is looked up, which is the same for all names of one part: ASCII case,
/// backslashes, "./", "../", a first slash and percent codes make no difference.
std::string FoldPartName(std::string_view name);

/// Returns the part that holds the relations of `part`, as "xl/_rels/workbook.xml.rels".
std::string RelationsOf(std::string_view part);

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

/// A zip archive that is read through a descriptor, and asks the system for nothing but its bytes: no name,
/// no second descriptor.
class ZipArchive {
 public:
  /// `file`: closed with the archive, and before an error. Errors: kInvalidArgument: it is none;
  /// kResourceExhausted: memory.
  static absl::StatusOr<std::unique_ptr<ZipArchive>> Open(int file);
  ~ZipArchive();
  ZipArchive(const ZipArchive&) = delete;
  ZipArchive& operator=(const ZipArchive&) = delete;

  zip_t* get() const { return archive_; }
  /// Index of the first member with this name, by FoldPartName(). Absent: there is none.
  std::optional<zip_uint64_t> Find(const std::string& part) const;
  /// Some of them more than once.
  std::uint64_t bytes_read() const { return bytes_read_; }

 private:
  explicit ZipArchive(int file) : file_(file) {}
  static zip_int64_t Answer(void* self, void* data, zip_uint64_t size, zip_source_cmd_t command);
  zip_int64_t Read(void* data, zip_uint64_t size);

  const int file_;
  std::uint64_t size_ = 0, at_ = 0, bytes_read_ = 0;
  zip_error_t error_{};
  zip_t* archive_ = nullptr;
};

/// Bytes of all shared texts of a workbook; they stand in memory.
inline constexpr std::size_t kSharedTextsMax = 128 << 20;

/// What stands around the sheets of a workbook: their names, shared texts, formats. Errors are part of a
/// sentence.
class Workbook {
 public:
  /// `file`: closed with the workbook, and before an error. Errors: kInvalidArgument: it is no workbook;
  /// kResourceExhausted: it becomes more than `inflated_max` bytes, or memory; kDataLoss; kNotFound: a part.
  static absl::StatusOr<std::unique_ptr<Workbook>> Open(int file, std::uint64_t inflated_max);

  /// Errors: kInvalidArgument: it has no such sheet; those of XmlPart::Open().
  absl::StatusOr<std::unique_ptr<XmlPart>> OpenSheet(const std::string& name);

  /// Absent: there is no such text.
  std::optional<std::string_view> SharedText(std::size_t at) const;
  /// What the format of a cell makes of its number. Absent: the workbook has no such format.
  std::optional<Shown> FormatOf(std::size_t style) const;
  /// The workbook's calendar begins in 1904.
  bool from_1904() const { return from_1904_; }
  std::uint64_t bytes_read() const { return archive_->bytes_read(); }

 private:
  Workbook(std::unique_ptr<ZipArchive> archive, std::uint64_t inflated_max)
      : archive_(std::move(archive)), inflated_{0, inflated_max} {}

  /// From one part to another one, which `part` names.
  struct Relation {
    std::string id;
    std::string type;  ///< The last word of its URI, which is the same in both forms of the standard.
    std::string part;
  };

  /// Errors: kNotFound; those of XmlPart::Open().
  absl::StatusOr<std::unique_ptr<XmlPart>> OpenPart(const std::string& name);
  absl::StatusOr<std::vector<Relation>> ReadRelationsOf(const std::string& part);
  /// The part to which the workbook has a relation of this type; else the one that is usual.
  std::string RelatedPart(std::string_view type, std::string_view usual) const;
  const Relation* RelationOf(const std::string& id) const;
  absl::Status ReadPackage();
  absl::Status ReadSheets();
  absl::Status ReadRelations();
  absl::Status ReadStyles();
  absl::Status ReadSharedTexts();
  /// For a message.
  std::string NameSheets() const;

  const std::unique_ptr<ZipArchive> archive_;
  Inflated inflated_;
  std::string workbook_;                                     ///< The part with the list of the sheets.
  std::vector<std::pair<std::string, std::string>> sheets_;  ///< Name, relation.
  std::vector<Relation> relations_;                          ///< Of the workbook.
  std::vector<Shown> styles_;
  bool from_1904_ = false;
  std::string texts_;
  std::vector<std::uint32_t> text_ends_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILES_ROWS_WORKBOOK_H_
