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

/// Functions for names of parts in a package of Office Open XML, such as "xl/workbook.xml".

/// Returns the part to which a relation leads, in a form for messages: without "./", "../" and backslashes. A
/// target that begins with a slash counts from the root, another one from the folder of `part`, which has the
/// relation. An empty `part` is the package itself.
std::string ResolveTarget(std::string_view part, std::string_view target);

/// Returns the form in which a part is looked up. All names of one part have the same form: ASCII case,
/// backslashes, "./", "../", a first slash and percent codes make no difference.
std::string FoldPartName(std::string_view name);

/// Returns the part that holds the relations of `part`, such as "xl/_rels/workbook.xml.rels".
std::string RelationsOf(std::string_view part);

/// Returns the value of the attribute with this name, whatever its prefix; empty: there is none.
/// `attributes`: as expat gives them.
std::string_view Attribute(const XML_Char** attributes, std::string_view name);

/// Counts the inflated bytes of all parts of a workbook. `most`: the limit.
struct Inflated {
  std::uint64_t bytes = 0, most = 0;
};

/// One part of the archive, read as XML in pieces. A document type is refused: valid workbooks have none. So
/// there are no entities. Also refused are deep nesting, and a tag of more than a megabyte.
class XmlPart {
 public:
  std::function<void(std::string_view name, const XML_Char** attributes)> on_begin;
  std::function<void(std::string_view name)> on_end;
  std::function<void(std::string_view text)> on_text;

  /// `index`: of the member of `archive`. `name`: for messages. `archive` and `inflated` must outlive this.
  /// Errors: kInvalidArgument: the member is encrypted.
  static absl::StatusOr<std::unique_ptr<XmlPart>> Open(zip_t* archive, zip_uint64_t index,
                                                       const std::string& name, Inflated* inflated);

  /// Reads a piece, up to Pause(). False: the part has ended. The text of an error is a part of a sentence:
  /// kDataLoss; kInvalidArgument; kResourceExhausted.
  absl::StatusOr<bool> Step();
  /// Called by a handler: the rest of the piece waits for the next Step(). The handlers may still be called
  /// for the present element.
  void Pause();

  /// Reads the whole part. Errors: as of Step(); also: it has more than `most` bytes.
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
  const char* refused_ = nullptr;  ///< The reason, if expat did not refuse the part itself.
};

/// A zip archive that is read through a file descriptor. It opens no file by name, and no second descriptor.
class ZipArchive {
 public:
  /// `file`: closed with the archive, also if Open() fails. Errors: kInvalidArgument: it is no archive;
  /// kResourceExhausted: memory.
  static absl::StatusOr<std::unique_ptr<ZipArchive>> Open(int file);
  ~ZipArchive();
  ZipArchive(const ZipArchive&) = delete;
  ZipArchive& operator=(const ZipArchive&) = delete;

  zip_t* get() const { return archive_; }
  /// Returns the index of the first member with this name, by FoldPartName(). Absent: there is none.
  std::optional<zip_uint64_t> Find(const std::string& part) const;
  /// Bytes read from the file; bytes that were read twice count twice.
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

/// Limit for all shared texts of a workbook, which are held in memory.
inline constexpr std::size_t kSharedTextsMax = 128 << 20;

/// The parts of a workbook other than its sheets: names of sheets, shared texts, formats. The text of an
/// error is a part of a sentence.
class Workbook {
 public:
  /// `file`: closed with the workbook, also if Open() fails. Errors: kInvalidArgument: it is no workbook;
  /// kResourceExhausted: it inflates to more than `inflated_max` bytes, or memory; kDataLoss; kNotFound: a
  /// part.
  static absl::StatusOr<std::unique_ptr<Workbook>> Open(int file, std::uint64_t inflated_max);

  /// Opens a sheet; empty `name`: the first one with cells. Errors: kInvalidArgument: there is no such sheet;
  /// those of XmlPart::Open().
  absl::StatusOr<std::unique_ptr<XmlPart>> OpenSheet(const std::string& name);

  /// Absent: there is no such text.
  std::optional<std::string_view> SharedText(std::size_t at) const;
  /// Returns the kind of value that a cell's format shows. Absent: the workbook has no such format.
  std::optional<Shown> FormatOf(std::size_t style) const;
  /// Whether the workbook's calendar begins in 1904.
  bool from_1904() const { return from_1904_; }
  std::uint64_t bytes_read() const { return archive_->bytes_read(); }

 private:
  Workbook(std::unique_ptr<ZipArchive> archive, std::uint64_t inflated_max)
      : archive_(std::move(archive)), inflated_{0, inflated_max} {}

  /// A relation of one part to another part.
  struct Relation {
    std::string id;
    std::string type;  ///< The last word of its URI, which both forms of the standard share.
    std::string part;
  };

  /// Errors: kNotFound; those of XmlPart::Open().
  absl::StatusOr<std::unique_ptr<XmlPart>> OpenPart(const std::string& name);
  absl::StatusOr<std::vector<Relation>> ReadRelationsOf(const std::string& part);
  /// Returns the part to which the workbook's relation of this type leads. Without such a relation: the usual
  /// part.
  std::string RelatedPart(std::string_view type, std::string_view usual) const;
  const Relation* RelationOf(const std::string& id) const;
  absl::Status ReadPackage();
  absl::Status ReadSheets();
  absl::Status ReadRelations();
  absl::Status ReadStyles();
  absl::Status ReadSharedTexts();
  /// Returns the names of the sheets, for a message.
  std::string NameSheets() const;

  const std::unique_ptr<ZipArchive> archive_;
  Inflated inflated_;
  std::string workbook_;                                     ///< The part with the list of sheets.
  std::vector<std::pair<std::string, std::string>> sheets_;  ///< Name, relation.
  std::vector<Relation> relations_;                          ///< Relations of the workbook.
  std::vector<Shown> styles_;
  bool from_1904_ = false;
  std::string texts_;
  std::vector<std::uint32_t> text_ends_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILES_ROWS_WORKBOOK_H_
