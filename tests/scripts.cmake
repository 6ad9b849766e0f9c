# Checks that need no program of ours to be built in C++: source rules, scripts, corpora, the client in Python.
# The system's interpreter, whatever comes first in PATH: it is the one that Debian's packages are for.
set(PYTHON /usr/bin/python3)

foreach(check includes files lengths format)
  add_test(NAME scripts.${check} COMMAND ${PYTHON} ${CMAKE_CURRENT_LIST_DIR}/scripts/source_rules.py ${check}
                                         ${CMAKE_SOURCE_DIR})
  set_tests_properties(scripts.${check} PROPERTIES LABELS scripts TIMEOUT 300)
endforeach()
foreach(script source_rules grouped_tests compare_databases proto_comments named_tests mutants setup pace nightly bench docs demo torture
               fleet reference thread_safety openapi openapi_check http_door npm_packages)
  add_test(NAME scripts.${script} COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/scripts/${script}_test.py)
  set_tests_properties(scripts.${script} PROPERTIES LABELS scripts TIMEOUT 300)
endforeach()
add_test(NAME scripts.exchange_model COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/exchange/model.py scenarios)
set_tests_properties(scripts.exchange_model PROPERTIES LABELS scripts TIMEOUT 300)
# Exit code 77: the linter is not installed, and the rest of it passed.
set_tests_properties(scripts.openapi PROPERTIES SKIP_RETURN_CODE 77)
# It makes a PostgreSQL and a MariaDB, where they are installed, and kills them.
set_tests_properties(scripts.demo PROPERTIES TIMEOUT 300)

# Of packages and releases; what builds or installs the real ones is a matter of tools/nightly.
foreach(test release sbom container)
  add_test(NAME packaging.${test} COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/packaging/${test}_test.py)
  set_tests_properties(packaging.${test} PROPERTIES LABELS packaging TIMEOUT 300)
endforeach()

add_test(NAME python.cycle COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/cycle_test.py
                                   ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(python.cycle PROPERTIES LABELS python TIMEOUT 120)
add_test(NAME python.unclean_start COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/unclean_start_test.py
                                           ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.first_cycle COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/first_cycle_test.py
                                         ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} $<TARGET_FILE:disk_calls>)
set_tests_properties(python.unclean_start python.first_cycle PROPERTIES LABELS python TIMEOUT 120)
add_test(NAME python.metrics COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/metrics_test.py
                                     ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(python.metrics PROPERTIES LABELS python TIMEOUT 120)
add_test(NAME python.minimal_source COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/minimal_source_test.py
                                            ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.records COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/records_test.py
                                     ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.records_kills COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/records_kills_test.py
                                           ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.imports COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/imports_test.py
                                     ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.import_traces COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/import_traces_test.py
                                           ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.records_pages COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/records_pages_test.py
                                           ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.records_limits COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/records_limits_test.py
                                            ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.records_files COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/records_files_test.py
                                           ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.records_door COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/records_door_test.py
                                          ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.door_keys COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/door_keys_test.py
                                       ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(python.records python.records_kills python.door_keys python.records_door python.records_files python.records_limits python.records_pages python.imports
                     python.import_traces
                     PROPERTIES LABELS python TIMEOUT 600)
add_test(NAME acts.dry_runs COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/acts/dry_runs_test.py
                                    ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(acts.dry_runs PROPERTIES LABELS python TIMEOUT 600)
add_test(NAME python.http_hostile COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/http_hostile_test.py
                                          ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(python.http_hostile PROPERTIES LABELS python TIMEOUT 300)
add_test(NAME python.exchange COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/exchange/walk_test.py
                                      ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(python.exchange PROPERTIES LABELS python TIMEOUT 600)
add_test(NAME exchange.datajoin COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/exchange/datajoin_test.py
                                        ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME exchange.datajoin_postgres COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/exchange/datajoin_postgres_test.py
                                                 ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME exchange.hub_commands COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/exchange/hub_commands_test.py
                                            ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME exchange.stopped COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/exchange/stopped_test.py
                                       ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME exchange.erasure COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/exchange/erasure_test.py
                                       ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME exchange.strangers COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/exchange/strangers_test.py
                                         ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME exchange.rights COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/exchange/rights_test.py
                                      ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(exchange.datajoin exchange.erasure exchange.hub_commands exchange.rights exchange.stopped
                     exchange.strangers
                     PROPERTIES LABELS python TIMEOUT 900)
set_tests_properties(exchange.datajoin_postgres PROPERTIES LABELS python TIMEOUT 1800)
add_test(NAME python.exchange_servers
         COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/exchange/servers_test.py ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(python.exchange_servers PROPERTIES LABELS python TIMEOUT 900)
add_test(NAME exchange.acceptance COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/exchange/acceptance_test.py
                                          ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(exchange.acceptance PROPERTIES LABELS python TIMEOUT 600)
add_test(NAME exchange.random COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/exchange/random_test.py
                                      ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(exchange.random PROPERTIES LABELS python TIMEOUT 600)
add_test(NAME exchange.beyond_model COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/exchange/beyond_model_test.py
                                            ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(exchange.beyond_model PROPERTIES LABELS python TIMEOUT 600)
# It plays as many at a time as there are processors.
add_test(NAME exchange.histories COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/exchange/histories.py
                                         ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(exchange.histories PROPERTIES LABELS python TIMEOUT 1800 PROCESSORS 2)
add_test(NAME exchange.demo COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/exchange/demo.py
                                    ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(exchange.demo PROPERTIES LABELS python TIMEOUT 600)
add_test(NAME python.exchange_postgres COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/exchange/postgres_walk_test.py
                                               ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.exchange_mariadb COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/exchange/mariadb_walk_test.py
                                              ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(python.exchange_mariadb python.exchange_postgres PROPERTIES LABELS python TIMEOUT 900)

foreach(test changes history kills search_index stores)
  add_test(NAME history.${test} COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/history/${test}_test.py
                                        ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
  set_tests_properties(history.${test} PROPERTIES LABELS python TIMEOUT 600)
endforeach()
add_test(NAME python.files COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/files_test.py
                                   ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.postgres_page COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/postgres_page_test.py
                                           ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.strategies COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/strategies_test.py
                                        ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.postgres_source COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/postgres_source_test.py
                                             ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.postgres_scenarios COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/postgres_scenarios_test.py
                                                ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.mariadb_source COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/mariadb_source_test.py
                                            ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.accepted_source COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/accepted_source_test.py
                                              ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.real_data COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/real_data_test.py
                                       ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(python.mariadb_source python.postgres_source python.postgres_page python.accepted_source
                     python.postgres_scenarios python.real_data
                     PROPERTIES LABELS python TIMEOUT 600)
file(GLOB old_files CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/data/old/*/files.tar.xz)
foreach(file ${old_files})
  cmake_path(GET file PARENT_PATH folder)
  cmake_path(GET folder FILENAME version)
  add_test(NAME python.upgrade_${version} COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/upgrade_test.py
                                                  ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} ${version})
  set_tests_properties(python.upgrade_${version} PROPERTIES LABELS python TIMEOUT 600 COST 700)
endforeach()
add_test(NAME python.layouts COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/layouts_test.py
                                     ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(python.layouts PROPERTIES LABELS python TIMEOUT 600)
# In a browser, where there is one; the pages are the same in all presets.
if(NOT MIRROR_SANITIZED)
  foreach(test pages many_tenants door hubs)
    add_test(NAME browser.${test} COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/browser/${test}_test.py
                                          ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
  endforeach()
  set_tests_properties(browser.pages browser.many_tenants browser.door browser.hubs
                       PROPERTIES LABELS browser TIMEOUT 600 SKIP_RETURN_CODE 77)
  # Their clocks are people's.
  set_tests_properties(browser.pages browser.many_tenants PROPERTIES RUN_SERIAL ON)
endif()
# The least memory, and what packages of npm read: those are the same in all presets.
if(NOT MIRROR_SANITIZED)
  add_test(NAME parquet.export COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/parquet/export_test.py
                                       ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
  set_tests_properties(parquet.export PROPERTIES LABELS python TIMEOUT 600 SKIP_RETURN_CODE 77)
endif()
add_test(NAME python.two_machines COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/two_machines_test.py
                                          ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(python.two_machines PROPERTIES LABELS python TIMEOUT 600)
add_test(NAME python.help COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/help_test.py
                                  ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.shell COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/shell_test.py
                                   ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.tables COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/tables_test.py
                                    ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.terminal COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/terminal_test.py
                                      ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME python.full_disk COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/full_disk_test.py
                                       ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
# Several servers over one PostgreSQL; classes named Long... are those of tools/nightly.
foreach(test cycle:Cycles admin:TwoServers failure:Failures standby:Standbys records:TwoServersOfRecords)
  string(REPLACE ":" ";" test ${test})
  list(GET test 0 name)
  list(GET test 1 class)
  add_test(NAME python.servers_${name} COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/servers_${name}_test.py
                                               ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} ${class})
  set_tests_properties(python.servers_${name} PROPERTIES LABELS python TIMEOUT 600)
endforeach()
# What is asked of one server of records, of several in turns.
add_test(NAME python.servers_records_turns
         COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/servers_records_test.py ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}
                 RecordsInTurns ImportsInTurns KilledImportsInTurns KilledAtPointsInTurns
                 JobsOfOneServer OneAddressForAll)
set_tests_properties(python.servers_records_turns PROPERTIES LABELS python TIMEOUT 900 COST 300)
add_test(NAME python.docs COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/python/docs_test.py
                                  ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(python.docs PROPERTIES LABELS python TIMEOUT 600 COST 600)
set_tests_properties(python.help python.shell python.tables python.terminal python.full_disk
                     PROPERTIES LABELS python TIMEOUT 600)
# COST: what takes minutes begins first, and nothing waits for it alone in the end.
set_tests_properties(python.strategies PROPERTIES LABELS python TIMEOUT 600 COST 800)
set_tests_properties(python.files PROPERTIES LABELS python TIMEOUT 600 COST 900)
set_tests_properties(python.cycle python.minimal_source PROPERTIES LABELS python TIMEOUT 120)

# Of what is shipped, the packages. They are made of this build's programs: label `packaging`, which `tools/check --all`
# runs behind the release build.
if(CMAKE_BINARY_DIR STREQUAL ${CMAKE_SOURCE_DIR}/build/release)
  set(PACKAGES_DIR ${CMAKE_SOURCE_DIR}/build/packages)
  add_test(NAME packaging.make COMMAND ${CMAKE_SOURCE_DIR}/tools/package --no-build --output ${PACKAGES_DIR})
  add_test(NAME packaging.contents COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/packaging/contents_test.py
                                           ${CMAKE_BINARY_DIR} ${PACKAGES_DIR})
  add_test(NAME packaging.repository COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/packaging/repository_test.py
                                             ${PACKAGES_DIR})
  set_tests_properties(packaging.make PROPERTIES FIXTURES_SETUP packages)
  set_tests_properties(packaging.contents packaging.repository PROPERTIES FIXTURES_REQUIRED packages)
  set_tests_properties(packaging.make packaging.contents packaging.repository PROPERTIES LABELS packaging TIMEOUT 600)
endif()

# Asks the programs whether they know what the units call.
add_test(NAME scripts.systemd_units COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/scripts/systemd_units_test.py
                                            ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(scripts.systemd_units PROPERTIES LABELS scripts TIMEOUT 300)

# Not with sanitizers: the disk that fails is preloaded into the server.
if(NOT MIRROR_SANITIZED)
  add_test(NAME torture COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/torture/main.py --build ${CMAKE_BINARY_DIR})
  # Begun first: at the end it would keep one processor waiting.
  set_tests_properties(torture PROPERTIES LABELS torture TIMEOUT 1500 COST 1000)
endif()

add_subdirectory(fuzz)
