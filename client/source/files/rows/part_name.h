#ifndef MIRROR_CLIENT_SOURCE_FILES_ROWS_PART_NAME_H_
#define MIRROR_CLIENT_SOURCE_FILES_ROWS_PART_NAME_H_

#include <string>
#include <string_view>

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

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILES_ROWS_PART_NAME_H_
