"""Fills in workbooks as a person does in LibreOffice Calc: fill.py FOLDER

FOLDER/steps.json is a list of {"from", "to", "sheet", "cells": {"F4": "88.5%"}}: the workbook
from is opened, each cell is typed into, and the workbook is stored as to. One LibreOffice serves
all steps; its profile is in FOLDER.
"""
import json
import os
import subprocess
import sys
import time

import uno
from com.sun.star.beans import PropertyValue
from com.sun.star.connection import NoConnectException


def named(name, value):
    p = PropertyValue()
    p.Name, p.Value = name, value
    return p


def url(folder, name):
    return uno.systemPathToFileUrl(os.path.join(folder, name))


def desktop(pipe):
    local = uno.getComponentContext()
    resolver = local.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", local)
    for _ in range(600):
        try:
            context = resolver.resolve("uno:pipe,name=%s;urp;StarOffice.ComponentContext" % pipe)
            return context.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", context)
        except NoConnectException:
            time.sleep(0.1)
    sys.exit("LibreOffice does not answer")


def main(folder):
    pipe = "bulwark%d" % os.getpid()
    office = subprocess.Popen([
        "soffice", "--headless", "--norestore", "--nologo", "--nodefault",
        "-env:UserInstallation=" + url(folder, "profile"), "--accept=pipe,name=%s;urp;" % pipe,
    ])
    try:
        program = desktop(pipe)
        with open(os.path.join(folder, "steps.json"), encoding="utf-8") as f:
            steps = json.load(f)
        for step in steps:
            book = program.loadComponentFromURL(url(folder, step["from"]), "_blank", 0, (named("Hidden", True),))
            sheet = book.Sheets.getByName(step["sheet"])
            for at, typed in step["cells"].items():
                sheet.getCellRangeByName(at).FormulaLocal = typed
            book.storeToURL(url(folder, step["to"]), (named("FilterName", "Calc MS Excel 2007 XML"),))
            book.close(True)
        program.terminate()
    finally:
        try:
            office.wait(20)
        except subprocess.TimeoutExpired:
            office.kill()


main(sys.argv[1])
