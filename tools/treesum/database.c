/* SPDX-License-Identifier: Apache-2.0
 *
 * database.c - the results in SQLite. See database.h.
 *
 * Data:  table file, one row per path with what the newest run that digested it found; table run, one row per run.
 *        A path is TEXT if it is UTF-8 and a BLOB if not, so no byte is lost and every client can read it.
 * Durability: write-ahead log with synchronous=NORMAL: what was committed survives the process's sudden end, and the file is
 *        whole after a power cut, too (which may take the last batches). Where the log cannot be had (some network file
 *        systems) SQLite keeps its rollback journal. At the end the log is folded into the file.
 * Callers: the collector alone. Commits may wait for the disk and are marked as blocking; inserts go to memory. */
#define _GNU_SOURCE
#include "database.h"
#include "output.h"
#include "report.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define APPLICATION_ID 0x74726565 /* "tree" */
#define SCHEMA_VERSION 1
#define BUSY_MILLISECONDS 10000

static const char settings[] = "PRAGMA journal_mode = WAL;"
                               "PRAGMA synchronous = NORMAL;"
                               "PRAGMA cache_size = -16384;"; /* KiB */

static const char schema[] = "CREATE TABLE run ("
                             "  id INTEGER PRIMARY KEY,"
                             "  started INTEGER NOT NULL," /* seconds since 1970 */
                             "  finished INTEGER,"         /* NULL: it goes on, or was killed */
                             "  files INTEGER, bytes INTEGER,"
                             "  failed INTEGER, given_up INTEGER, dropped INTEGER, unfinished INTEGER,"
                             "  exit_code INTEGER);"
                             "CREATE TABLE file ("
                             "  path PRIMARY KEY NOT NULL,"
                             "  size INTEGER NOT NULL,"
                             "  mtime_ns INTEGER NOT NULL," /* since 1970 */
                             "  sha256 TEXT NOT NULL,"
                             "  run INTEGER NOT NULL REFERENCES run (id)"
                             ") WITHOUT ROWID;"
                             "PRAGMA application_id = %d;"
                             "PRAGMA user_version = %d;";

struct database {
    sqlite3 *connection;
    sqlite3_stmt *insert, *begin, *commit;
    const char *file;
    int64_t run;
    int rows;    /* in the open batch; 0: none is open */
    int64_t due; /* when the open batch is to be committed */
};

/* Say what SQLite has to say, and the system if it was the system's fault. */
static bool complain(const struct database *database, const char *doing)
{
    int code = sqlite3_errcode(database->connection) & 0xff;
    bool systems = code == SQLITE_CANTOPEN || code == SQLITE_IOERR || code == SQLITE_READONLY;
    int error = systems ? sqlite3_system_errno(database->connection) : 0;
    report_path(database->file, "%s: %s%s%s", doing, sqlite3_errmsg(database->connection), error ? ": " : "",
                error ? strerror(error) : "");
    return false;
}

static bool execute(struct database *database, const char *sql)
{
    return sqlite3_exec(database->connection, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* The number that a query gives. */
static bool ask(struct database *database, const char *sql, int64_t *number)
{
    sqlite3_stmt *statement = NULL;
    bool good = sqlite3_prepare_v2(database->connection, sql, -1, &statement, NULL) == SQLITE_OK &&
                sqlite3_step(statement) == SQLITE_ROW;
    if (good)
        *number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return good;
}

/* Run a prepared statement that gives no rows. */
static bool run(sqlite3_stmt *statement)
{
    bool good = sqlite3_step(statement) == SQLITE_DONE;
    sqlite3_reset(statement);
    return good;
}

/* Whether the file is ours: *exists if its tables are there. In a transaction: another run may just be making them. */
static bool identify(struct database *database, bool *exists)
{
    int64_t application, version, objects;
    if (!ask(database, "PRAGMA application_id", &application) || !ask(database, "PRAGMA user_version", &version) ||
        !ask(database, "SELECT count(*) FROM sqlite_master", &objects))
        return complain(database, "not usable as a database");
    *exists = application == APPLICATION_ID;
    if (!*exists && (objects > 0 || application != 0)) {
        report_path(database->file, "this is a database of another program; it was left as it is");
        return false;
    }
    if (*exists && version != SCHEMA_VERSION) {
        report_path(database->file,
                    "its layout is version %" PRId64 ", this treesum knows version %d; it was left as it is", version,
                    SCHEMA_VERSION);
        return false;
    }
    return true;
}

/* Make the tables, unless they are there by now: another run may have been faster. */
static bool create(struct database *database)
{
    bool exists;
    char sql[sizeof schema + 32];
    snprintf(sql, sizeof sql, schema, APPLICATION_ID, SCHEMA_VERSION);
    if (!execute(database, "BEGIN IMMEDIATE"))
        return complain(database, "cannot write");
    if (!identify(database, &exists))
        return false;
    if ((!exists && !execute(database, sql)) || !execute(database, "COMMIT"))
        return complain(database, "cannot create the tables");
    return true;
}

static bool begin_run(struct database *database)
{
    static const char insert[] = "INSERT INTO file (path, size, mtime_ns, sha256, run) VALUES (?1, ?2, ?3, ?4, ?5)"
                                 " ON CONFLICT (path) DO UPDATE SET size = ?2, mtime_ns = ?3, sha256 = ?4, run = ?5";
    sqlite3 *connection = database->connection;
    if (!execute(database, "INSERT INTO run (started) VALUES (CAST(strftime('%s', 'now') AS INTEGER))"))
        return complain(database, "cannot write");
    database->run = sqlite3_last_insert_rowid(connection);
    if (sqlite3_prepare_v3(connection, insert, -1, SQLITE_PREPARE_PERSISTENT, &database->insert, NULL) != SQLITE_OK ||
        sqlite3_prepare_v3(connection, "BEGIN IMMEDIATE", -1, SQLITE_PREPARE_PERSISTENT, &database->begin, NULL) !=
            SQLITE_OK ||
        sqlite3_prepare_v3(connection, "COMMIT", -1, SQLITE_PREPARE_PERSISTENT, &database->commit, NULL) != SQLITE_OK)
        return complain(database, "cannot use its tables");
    return true;
}

/* SQLite does not wait by itself where it changes the kind of journal. */
static bool change_settings(struct database *database)
{
    for (int waited = 0; !execute(database, settings); waited += 10) {
        if (sqlite3_errcode(database->connection) != SQLITE_BUSY || waited >= BUSY_MILLISECONDS)
            return complain(database, "cannot write");
        sqlite3_sleep(10);
    }
    return true;
}

/* The part of opening that may wait: for the disk, and for other programs. */
static bool prepare(struct database *database, const char *name)
{
    bool exists;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(name, &database->connection, flags, NULL) != SQLITE_OK)
        return complain(database, "cannot open");
    sqlite3_busy_timeout(database->connection, BUSY_MILLISECONDS);
    /* Before anything is changed: a foreign database must not even be switched to our settings. */
    if (!execute(database, "BEGIN"))
        return complain(database, "cannot read");
    if (!identify(database, &exists))
        return false;
    if (!execute(database, "COMMIT"))
        return complain(database, "cannot read");
    return change_settings(database) && (exists || create(database)) && begin_run(database);
}

/* The log and its index live as long as the connection. (A rollback journal comes and goes, and is never locked.) */
static void add_own_files(struct own_files *own, const char *name)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char *path = sqlite3_mprintf("%s%s", name, suffixes[i]);
        if (!path)
            die_out_of_memory();
        own_files_add_path(own, path);
        sqlite3_free(path);
    }
}

struct database *database_open(const char *file, struct own_files *own)
{
    struct database *database = calloc(1, sizeof *database);
    /* SQLite has special names, such as ":memory:"; none begins with "./". */
    char *name = sqlite3_mprintf("%s%s", *file == '/' ? "" : "./", file);
    bool good = false;
    if (!database || !name)
        die_out_of_memory();
    database->file = file;
    database->due = INT64_MAX;
    weft_blocking
    {
        good = prepare(database, name);
    }
    if (good) {
        add_own_files(own, name);
    } else {
        database_close(database);
        database = NULL;
    }
    sqlite3_free(name);
    return database;
}

/* Whether text is UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
static bool is_utf8(const char *text, size_t length)
{
    const unsigned char *c = (const unsigned char *)text, *end = c + length;
    while (c < end) {
        unsigned char lead = *c++, low = 0x80, high = 0xbf;
        int more = lead < 0x80 ? 0 : lead < 0xc2 ? -1 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf5 ? 3 : -1;
        if (lead == 0xe0)
            low = 0xa0;
        else if (lead == 0xed)
            high = 0x9f;
        else if (lead == 0xf0)
            low = 0x90;
        else if (lead == 0xf4)
            high = 0x8f;
        if (more < 0 || end - c < more)
            return false;
        for (; more > 0; more--, c++) {
            if (*c < low || *c > high)
                return false;
            low = 0x80;
            high = 0xbf;
        }
    }
    return true;
}

static bool commit(struct database *database)
{
    bool good = false;
    weft_blocking
    {
        good = run(database->commit);
    }
    database->rows = 0;
    database->due = INT64_MAX;
    return good || complain(database, "cannot commit");
}

static bool begin(struct database *database)
{
    bool good = false;
    weft_blocking
    { /* it waits while another program writes */
        good = run(database->begin);
    }
    database->due = weft_now() + DATABASE_BATCH_TIME;
    return good || complain(database, "cannot write");
}

bool database_add(struct database *database, const struct job *job)
{
    const struct outcome *outcome = &job->outcome;
    sqlite3_stmt *insert = database->insert;
    char digest[2 * DIGEST_SIZE];
    size_t length = strlen(job->path);

    if (database->rows == 0 && !begin(database))
        return false;
    write_hex(digest, outcome->digest);
    if (is_utf8(job->path, length))
        sqlite3_bind_text(insert, 1, job->path, (int)length, SQLITE_STATIC);
    else
        sqlite3_bind_blob(insert, 1, job->path, (int)length, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 2, outcome->size);
    sqlite3_bind_int64(insert, 3, outcome->mtime);
    sqlite3_bind_text(insert, 4, digest, sizeof digest, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 5, database->run);
    if (!run(insert))
        return complain(database, "cannot write");
    return ++database->rows < DATABASE_BATCH_ROWS || commit(database);
}

int64_t database_due(const struct database *database)
{
    return database->due;
}

bool database_commit_if_due(struct database *database, int64_t now)
{
    return now < database->due || commit(database);
}

bool database_finish(struct database *database, const struct totals *totals, int exit_code)
{
    char *sql = sqlite3_mprintf(
        "UPDATE run SET finished = CAST(strftime('%%s', 'now') AS INTEGER), files = %lld, bytes = %lld, failed = %lld,"
        " given_up = %lld, dropped = %lld, unfinished = %lld, exit_code = %d WHERE id = %lld",
        totals->files, totals->bytes, totals->failed, totals->given_up, totals->dropped, totals->left, exit_code,
        database->run);
    if (!sql)
        die_out_of_memory();
    bool good = (database->rows == 0 && begin(database)) || database->rows > 0;
    if (good && !execute(database, sql))
        good = complain(database, "cannot write");
    sqlite3_free(sql);
    return good && commit(database);
}

void database_close(struct database *database)
{
    if (!database)
        return;
    weft_blocking
    {
        sqlite3_finalize(database->insert);
        sqlite3_finalize(database->begin);
        sqlite3_finalize(database->commit);
        /* One file, that can be read from anywhere. If somebody else has it open it stays as it is, which is fine, too. */
        if (database->run > 0)
            execute(database, "PRAGMA busy_timeout = 0; PRAGMA journal_mode = DELETE");
        sqlite3_close(database->connection);
    }
    free(database);
}
