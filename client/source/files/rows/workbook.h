#ifndef MIRROR_CLIENT_SOURCE_FILES_ROWS_WORKBOOK_H_
#define MIRROR_CLIENT_SOURCE_FILES_ROWS_WORKBOOK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "client/source/files/rows/cell_format.h"
#include "client/source/files/rows/xml_part.h"
#include "client/source/files/rows/zip_archive.h"

namespace mirror {

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
